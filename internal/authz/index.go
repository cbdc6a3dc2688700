package authz

import (
	"slices"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// index finds the rules that can matter to a question, so that what a decision
// costs does not grow with the rules for other callers, actions and stores.
type index struct {
	everybody *concern
	bySubject map[subject]*concern
	// claims are the names of the claims that rules tell callers apart by.
	claims []string
}

// concern is what rules say of one subject.
type concern struct {
	anyStore []shelf
	byStore  map[string][]shelf
	// needStore and needSecret are the actions of the rules in byStore that have
	// to know the name of the store, which are all of them, and of the secret.
	needStore, needSecret actionSet
}

// shelf holds rules about the same actions that have to know the same names, in
// the order of the file.
type shelf struct {
	actions actionSet
	needs   needs
	rules   []*compiled
}

func newIndex() *index {
	return &index{everybody: &concern{}, bySubject: map[subject]*concern{}}
}

// add takes in a rule, which must stand in the file behind all that were added.
func (x *index) add(r *compiled) {
	about := r.form.about
	to := x.everybody
	if about.variable != "" {
		key := subject{about.variable, about.value.of(r.texts)}
		if to = x.bySubject[key]; to == nil {
			to = &concern{}
			x.bySubject[key] = to
		}
	}
	if about.claim != "" && !slices.Contains(x.claims, about.claim) {
		x.claims = append(x.claims, about.claim)
	}
	to.add(r)
}

func (c *concern) add(r *compiled) {
	store := r.form.about.store
	if store == nil {
		c.anyStore = put(c.anyStore, r)
		return
	}
	if c.byStore == nil {
		c.byStore = map[string][]shelf{}
	}
	name := store.of(r.texts)
	c.byStore[name] = put(c.byStore[name], r)
	c.needStore |= r.actions
	if r.form.needs.secret {
		c.needSecret |= r.actions
	}
}

func put(shelves []shelf, r *compiled) []shelf {
	for i := range shelves {
		if s := &shelves[i]; s.actions == r.actions && s.needs == r.form.needs {
			s.rules = append(s.rules, r)
			return shelves
		}
	}
	return append(shelves, shelf{r.actions, r.form.needs, []*compiled{r}})
}

// find collects the rules for a question.
func (x *index) find(c *candidates) {
	p := &c.question.Principal
	c.take(x.everybody)
	c.take(x.bySubject[subject{varName, p.Name}])
	c.take(x.bySubject[subject{varTenant, p.Tenant}])
	for _, group := range p.Groups {
		c.take(x.bySubject[subject{varGroups, group}])
	}
	for _, claim := range x.claims {
		if value, has := p.Claims[claim]; has {
			// Whatever CEL takes for a text can be equal to one.
			if text, is := celValue(value).(types.String); is {
				c.take(x.bySubject[subject{varClaims + "." + claim, string(text)}])
			}
		}
	}
}

func celValue(native any) ref.Val { return types.DefaultTypeAdapter.NativeToValue(native) }

// candidates are the rules for one question, as lists in the order of the file.
type candidates struct {
	question *Question
	action   actionSet
	lists    [][]*compiled
	// open says that a rule has to know a name which the question does not hold.
	open bool
}

// take adds what concerns a subject of the question. Nil concerns nobody.
func (c *candidates) take(from *concern) {
	if from == nil {
		return
	}
	c.pick(from.anyStore)
	// Of a rule for another store, too, it counts that a name is missing: who has
	// such a rule gets a list without what they may not see, and no refusal.
	if c.question.Secret == nil && !c.question.StoreOnly && from.needSecret&c.action != 0 {
		c.open = true
	}
	switch {
	case c.question.Store != nil:
		c.pick(from.byStore[*c.question.Store])
	case from.needStore&c.action != 0:
		c.open = true
	}
}

func (c *candidates) pick(shelves []shelf) {
	for _, s := range shelves {
		switch {
		case s.actions&c.action == 0:
		case c.question.answerable(s.needs):
			c.lists = append(c.lists, s.rules)
		default:
			c.open = true
		}
	}
}

// next takes the first rule of all that are left, nil at the end.
func (c *candidates) next() *compiled {
	var first *[]*compiled
	for i := range c.lists {
		if l := &c.lists[i]; len(*l) > 0 && (first == nil || (*l)[0].order < (*first)[0].order) {
			first = l
		}
	}
	if first == nil {
		return nil
	}
	r := (*first)[0]
	*first = (*first)[1:]
	return r
}
