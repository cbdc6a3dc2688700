package authz

import (
	"slices"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// index finds the rules that can matter to a question, so that what a decision
// costs does not grow with the rules for other callers, actions and stores.
type index struct {
	everybody *subjectRules
	bySubject map[subject]*subjectRules
	// claims are the names of the claims that rules tell callers apart by.
	claims []string
}

// subjectRules is what rules say of one subject.
type subjectRules struct {
	anyStore []bucket
	byStore  map[string][]bucket
	// needStore and needSecret are the actions of the rules in byStore that have
	// to know the name of the store, which are all of them, and of the secret.
	needStore, needSecret actionSet
}

// bucket holds rules about the same actions that have to know the same names, in
// the order of the file.
type bucket struct {
	actions actionSet
	needs   needs
	rules   []*compiledRule
}

func newIndex() *index {
	return &index{everybody: &subjectRules{}, bySubject: map[subject]*subjectRules{}}
}

// add takes in a rule, which must stand in the file behind all that were added.
func (x *index) add(r *compiledRule) {
	about := r.template.constraints
	to := x.everybody
	if about.variable != "" {
		key := subject{about.variable, about.value.of(r.literals)}
		if to = x.bySubject[key]; to == nil {
			to = &subjectRules{}
			x.bySubject[key] = to
		}
	}
	if about.claim != "" && !slices.Contains(x.claims, about.claim) {
		x.claims = append(x.claims, about.claim)
	}
	to.add(r)
}

func (c *subjectRules) add(r *compiledRule) {
	store := r.template.constraints.store
	if store == nil {
		c.anyStore = addToBucket(c.anyStore, r)
		return
	}
	if c.byStore == nil {
		c.byStore = map[string][]bucket{}
	}
	name := store.of(r.literals)
	c.byStore[name] = addToBucket(c.byStore[name], r)
	c.needStore |= r.actions
	if r.template.needs.secret {
		c.needSecret |= r.actions
	}
}

func addToBucket(shelves []bucket, r *compiledRule) []bucket {
	for i := range shelves {
		if s := &shelves[i]; s.actions == r.actions && s.needs == r.template.needs {
			s.rules = append(s.rules, r)
			return shelves
		}
	}
	return append(shelves, bucket{r.actions, r.template.needs, []*compiledRule{r}})
}

// find collects the rules for a question.
func (x *index) find(c *candidates) {
	p := &c.question.Principal
	c.addSubject(x.everybody)
	c.addSubject(x.bySubject[subject{varName, p.Name}])
	c.addSubject(x.bySubject[subject{varTenant, p.Tenant}])
	for _, group := range p.Groups {
		c.addSubject(x.bySubject[subject{varGroups, group}])
	}
	for _, claim := range x.claims {
		if value, has := p.Claims[claim]; has {
			// Whatever CEL takes for a text can be equal to one.
			if text, is := celValue(value).(types.String); is {
				c.addSubject(x.bySubject[subject{varClaims + "." + claim, string(text)}])
			}
		}
	}
}

func celValue(native any) ref.Val { return types.DefaultTypeAdapter.NativeToValue(native) }

// candidates are the rules for one question, as lists in the order of the file.
type candidates struct {
	question *Question
	action   actionSet
	lists    [][]*compiledRule
	// needsName says that a rule has to know a name which the question does not hold.
	needsName bool
}

// addSubject adds what concerns a subject of the question. Nil concerns nobody.
func (c *candidates) addSubject(from *subjectRules) {
	if from == nil {
		return
	}
	c.addBuckets(from.anyStore)
	// Of a rule for another store, too, it counts that a name is missing: who has
	// such a rule gets a list without what they may not see, and no refusal.
	if c.question.Secret == nil && !c.question.StoreOnly && from.needSecret&c.action != 0 {
		c.needsName = true
	}
	switch {
	case c.question.Store != nil:
		c.addBuckets(from.byStore[*c.question.Store])
	case from.needStore&c.action != 0:
		c.needsName = true
	}
}

func (c *candidates) addBuckets(shelves []bucket) {
	for _, s := range shelves {
		switch {
		case s.actions&c.action == 0:
		case c.question.answerable(s.needs):
			c.lists = append(c.lists, s.rules)
		default:
			c.needsName = true
		}
	}
}

// next takes the first rule of all that are left, nil at the end.
func (c *candidates) next() *compiledRule {
	var first *[]*compiledRule
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
