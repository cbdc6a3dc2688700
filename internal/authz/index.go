package authz

import (
	"slices"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"platform.internal/storekeeper/internal/authn"
)

// ruleIndex finds the rules that can apply to a question. The cost of a decision
// does not grow with the rules for other callers, actions and stores.
type ruleIndex struct {
	everybody *subjectRules
	bySubject map[callerSet]*subjectRules
	// claims are the names of the claims that appear in constraints.
	claims []string
}

// subjectRules are the rules for one subject.
type subjectRules struct {
	anyStore []bucket
	byStore  map[string][]bucket
	// needStore and needSecret are the actions of the rules in byStore that
	// need the name of the store (all of them do) and of the secret.
	needStore, needSecret actionSet
}

// bucket holds rules for the same actions that need the same names, in the
// order of the file.
type bucket struct {
	actions actionSet
	needs   needs
	rules   []*compiledRule
}

func newIndex() *ruleIndex {
	return &ruleIndex{everybody: &subjectRules{}, bySubject: map[callerSet]*subjectRules{}}
}

// add adds a rule. Rules are added in the order of the file.
func (x *ruleIndex) add(r *compiledRule) {
	about := r.template.constraints
	to := x.everybody
	if about.variable != "" {
		key := callerSet{about.variable, about.value.of(r.literals)}
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

// find collects the candidate rules of a question.
func (x *ruleIndex) find(c *candidates) {
	x.subjects(&c.question.Principal, c.addSubject)
}

// subjects visits the rules of each subject that a caller is, and nil for a
// subject without rules.
func (x *ruleIndex) subjects(p *authn.Principal, visit func(*subjectRules)) {
	visit(x.everybody)
	visit(x.bySubject[callerSet{varName, p.Name}])
	visit(x.bySubject[callerSet{varTenant, p.Tenant}])
	for _, group := range p.Groups {
		visit(x.bySubject[callerSet{varGroups, group}])
	}
	for _, claim := range x.claims {
		if value, has := p.Claims.All()[claim]; has {
			// CEL compares every value of its string type with a string.
			if text, is := celValue(value).(types.String); is {
				visit(x.bySubject[callerSet{varClaims + "." + claim, string(text)}])
			}
		}
	}
}

func celValue(native any) ref.Val { return types.DefaultTypeAdapter.NativeToValue(native) }

// candidates are the rules that can apply to one question, as lists in the order of the file.
type candidates struct {
	question *Question
	action   actionSet
	lists    [][]*compiledRule
	// needsName says that a rule needs a name which the question lacks.
	needsName bool
}

// addSubject adds the rules of a subject. from may be nil.
func (c *candidates) addSubject(from *subjectRules) {
	if from == nil {
		return
	}
	c.addBuckets(from.anyStore)
	// A rule for another store counts too: its caller gets a filtered list instead of a refusal.
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

// next returns the first of the remaining rules, in the order of the file, and
// nil at the end.
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
