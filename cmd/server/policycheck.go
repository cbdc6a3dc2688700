package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	storekeeperv1 "platform.internal/storekeeper/gen/storekeeper/v1"
	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/authz"
	"platform.internal/storekeeper/internal/cfjson"
	"platform.internal/storekeeper/internal/self"
)

// errNo means that the answer of a command is no, and was printed.
var errNo = errors.New("the answer is no")

// policyFlags are the flags of the commands that ask a policy file.
type policyFlags struct {
	policy, do, output string
	as, on             stringList
}

func (f *policyFlags) register(flags *flag.FlagSet) {
	flags.StringVar(&f.policy, "policy", "", "the policy `file`")
	flags.Var(&f.as, "as", "the caller, as `KEY=VALUE,...`: name, tenant, group (repeatable), kind, claim.NAME")
	flags.StringVar(&f.do, "do", "", "the `action`, such as secret.update")
	flags.Var(&f.on, "on", "the object, as `KEY=VALUE,...`: account, store, secret, scope (repeatable)")
	flags.StringVar(&f.output, "output", "text", "text or json")
}

// policyQuestion holds the flags of a question.
type policyQuestion struct {
	rules  *authz.Rules
	caller authn.Principal
	check  authz.AccessReview
}

// read reads the policy file and the flags. asks says that there must be an
// action.
func (f *policyFlags) read(asks bool) (policyQuestion, error) {
	var q policyQuestion
	switch {
	case f.policy == "":
		return q, usageError{"--policy FILE is missing"}
	case f.output != "text" && f.output != "json":
		return q, usageError{fmt.Sprintf("--output: %q must be text or json", f.output)}
	case asks && f.do == "":
		return q, usageError{"--do ACTION is missing"}
	case f.do != "" && !slices.Contains(authz.Actions(), f.do):
		return q, usageError{fmt.Sprintf("--do: there is no action %q; there are %s", f.do, strings.Join(authz.Actions(), ", "))}
	}
	var err error
	if q.caller, err = readCaller(f.as); err != nil {
		return q, err
	}
	if q.check, err = readObject(f.on); err != nil {
		return q, err
	}
	q.check.Action = f.do
	engine, _, err := authz.ReadFile(f.policy)
	if err != nil {
		return q, err
	}
	q.rules = authz.Fixed(engine)
	return q, nil
}

// pairs reads lists of KEY=VALUE. set returns false for an unknown key. Only the key many may be repeated.
func pairs(name string, lists []string, known, many string, set func(key, value string) bool) error {
	seen := map[string]bool{many: false}
	for _, list := range lists {
		for pair := range strings.SplitSeq(list, ",") {
			key, value, is := strings.Cut(pair, "=")
			if !is || !set(key, value) {
				return usageError{fmt.Sprintf("%s: %q must be KEY=VALUE with one of the keys %s", name, pair, known)}
			}
			if seen[key] {
				return usageError{fmt.Sprintf("%s: %s is given twice; only %s may be repeated", name, key, many)}
			}
			seen[key] = key != many
		}
	}
	return nil
}

func readCaller(lists []string) (authn.Principal, error) {
	var p authn.Principal
	claims := map[string]any{}
	p.Claims = authn.NewClaims(claims)
	err := pairs("--as", lists, "name, tenant, group, kind, claim.NAME", "group", func(key, value string) bool {
		claim, isClaim := strings.CutPrefix(key, "claim.")
		switch {
		case isClaim && claim != "":
			claims[claim] = value
		case key == "name":
			p.Name = value
		case key == "tenant":
			p.Tenant = value
		case key == "group":
			p.Groups = append(p.Groups, value)
		case key == "kind":
			p.Kind = authn.CredentialKind(value)
		default:
			return false
		}
		return true
	})
	return p, err
}

func readObject(lists []string) (authz.AccessReview, error) {
	var c authz.AccessReview
	err := pairs("--on", lists, "account, store, secret, scope", "scope", func(key, value string) bool {
		switch key {
		case "account":
			c.Account = value
		case "store":
			c.Store = value
		case "secret":
			c.Secret = value
		case "scope":
			c.Scopes = append(c.Scopes, value)
		default:
			return false
		}
		return true
	})
	return c, err
}

// decide answers the question, as TestPermissions does.
func (q policyQuestion) decide() (*storekeeperv1.PermissionResult, string) {
	asked := q.check.Question()
	asked.Principal = q.caller
	d := q.rules.Decide(asked)
	return self.ResultOf(d), d.Policy
}

// permissions lists what the caller may do, as ListPermissions does: all
// permissions, or the permissions for one action.
func (q policyQuestion) permissions(action string) *storekeeperv1.ListPermissionsResponse {
	out := &storekeeperv1.ListPermissionsResponse{}
	for from := 0; ; {
		list, next, policy := q.rules.Permissions(q.caller, from, 100)
		out.Policy = policy
		for _, p := range list {
			if action == "" || slices.Contains(p.Actions, action) {
				out.Permissions = append(out.Permissions, self.PermissionOf(p))
			}
		}
		if next == 0 {
			return out
		}
		from = next
	}
}

// runPolicyExplain reports whether a policy file allows something, and why.
func runPolicyExplain(_ context.Context, args []string, t terminal) error {
	var given policyFlags
	flags := flag.NewFlagSet("policy explain", flag.ContinueOnError)
	given.register(flags)
	if err := parse(flags, args, t); err != nil {
		return err
	}
	q, err := given.read(true)
	if err != nil {
		return err
	}
	result, _ := q.decide()
	candidates := q.permissions(given.do)
	if given.output == "json" {
		return printExplanation(t, result, candidates)
	}
	say(t.out, "%s\n", verdictOf(result))
	if len(candidates.GetPermissions()) == 0 {
		say(t.out, "No rule allows the caller %s on any object.\n", given.do)
		return nil
	}
	say(t.out, "Rules that allow the caller %s:\n", given.do)
	for _, p := range candidates.GetPermissions() {
		say(t.out, "  %s: %s\n", p.GetRule(), conditionText(p))
	}
	return nil
}

// verdictOf is a decision for people.
func verdictOf(r *storekeeperv1.PermissionResult) string {
	switch {
	case r.GetAllowed():
		return "Allowed by rule " + r.GetRule() + "."
	case r.GetReason() == self.ReasonNameNeeded:
		return "Not decided: it depends on the name of the store or secret. Give it with --on."
	}
	return "Denied: no rule allows it."
}

// conditionText is the condition of a permission for people.
func conditionText(p *storekeeperv1.Permission) string {
	switch {
	case p.GetHidden():
		return "on some objects; the condition cannot be shown"
	case p.GetCondition() == "":
		return "on everything"
	}
	return "when " + p.GetCondition()
}

// runPolicyCanI lists what a policy file allows a caller, or answers yes or no.
func runPolicyCanI(_ context.Context, args []string, t terminal) error {
	var given policyFlags
	flags := flag.NewFlagSet("policy can-i", flag.ContinueOnError)
	given.register(flags)
	list := flags.Bool("list", false, "list all that the caller may do, or all that is about the action of --do")
	if err := parse(flags, args, t); err != nil {
		return err
	}
	q, err := given.read(!*list)
	if err != nil {
		return err
	}
	if *list {
		if len(given.on) > 0 {
			return usageError{"--list takes no --on; for an answer about one object, give --do and --on in place of --list"}
		}
		return printPermissions(t, q.permissions(given.do), given)
	}
	result, policy := q.decide()
	answer := "no"
	if result.GetAllowed() {
		answer = "yes"
	}
	if given.output == "json" {
		err = printJSON(t, &storekeeperv1.TestPermissionsResponse{Results: []*storekeeperv1.PermissionResult{result}, Policy: policy})
	} else {
		say(t.out, "%s\n", answer)
	}
	if err == nil && !result.GetAllowed() {
		return errNo
	}
	return err
}

func printPermissions(t terminal, list *storekeeperv1.ListPermissionsResponse, given policyFlags) error {
	if given.output == "json" {
		return printJSON(t, list)
	}
	switch {
	case len(list.GetPermissions()) > 0:
	case given.do != "":
		say(t.out, "No rule allows the caller %s on any object.\n", given.do)
	default:
		say(t.out, "No rule allows the caller anything.\n")
	}
	for _, p := range list.GetPermissions() {
		say(t.out, "%s\n  %s\n  %s\n", p.GetRule(), strings.Join(p.GetActions(), ", "), conditionText(p))
	}
	return nil
}

// printExplanation prints a decision and the permissions about its action as one
// line of JSON.
func printExplanation(t terminal, result *storekeeperv1.PermissionResult, candidates *storekeeperv1.ListPermissionsResponse) error {
	decision, err := cfjson.Message(result)
	if err != nil {
		return err
	}
	list, err := cfjson.Message(candidates)
	if err != nil {
		return err
	}
	// Both are objects; the second has the digest of the policy file too.
	say(t.out, "{\"result\":%s,%s\n", decision, list[1:])
	return nil
}

// printJSON prints a message as one line of JSON, as a running Storekeeper does.
func printJSON(t terminal, m proto.Message) error {
	text, err := cfjson.Message(m)
	if err != nil {
		return err
	}
	say(t.out, "%s\n", text)
	return nil
}
