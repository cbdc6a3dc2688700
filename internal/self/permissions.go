package self

import (
	"context"
	"strconv"
	"strings"

	storekeeperv1 "platform.internal/storekeeper/gen/storekeeper/v1"
	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/authz"
	"platform.internal/storekeeper/internal/fault"
)

// maxPage is the number of rules on a page.
const maxPage = 100

// ListPermissions lists the rights of the caller.
func (s *Service) ListPermissions(ctx context.Context, r *storekeeperv1.ListPermissionsRequest) (*storekeeperv1.ListPermissionsResponse, error) {
	caller, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	most := int(r.GetPageSize())
	if most == 0 {
		most = maxPage
	}
	from, of, valid := readToken(r.GetPageToken())
	list, next, policy := s.rights.Permissions(caller, from, most)
	switch {
	case !valid:
		return nil, tokenFault("must be the next_page_token of an answer")
	case r.GetPageToken() != "" && of != policyMark(policy):
		return nil, tokenFault("belongs to rules that are not in force any more; begin with the first page")
	}
	out := &storekeeperv1.ListPermissionsResponse{Policy: policy}
	for _, p := range list {
		out.Permissions = append(out.Permissions, PermissionOf(p))
	}
	if next > 0 {
		out.NextPageToken = strconv.Itoa(next) + "-" + policyMark(policy)
	}
	return out, nil
}

// PermissionOf returns the message of a permission.
func PermissionOf(p authz.Permission) *storekeeperv1.Permission {
	return &storekeeperv1.Permission{
		Rule: p.Rule, Actions: p.Actions, Condition: p.Condition, Account: p.Account, Store: p.Store, Secret: p.Secret,
		SecretPrefix: p.SecretPrefix, Hidden: p.Hidden,
	}
}

// readToken reads a page token: the position of a rule, and the mark of the
// policy.
func readToken(token string) (from int, policy string, valid bool) {
	if token == "" {
		return 0, "", true
	}
	at, policy, _ := strings.Cut(token, "-")
	from, err := strconv.Atoi(at)
	return from, policy, err == nil && from > 0
}

// policyMark tells policies apart.
func policyMark(digest string) string {
	const length = 16
	hex := strings.TrimPrefix(digest, "sha256:")
	return hex[:min(len(hex), length)]
}

func tokenFault(text string) error {
	return fault.Invalid(fault.Field{Path: "page_token", Reason: fault.ReasonPageTokenInvalid, Text: text})
}

// TestPermissions decides on each check.
func (s *Service) TestPermissions(ctx context.Context, r *storekeeperv1.TestPermissionsRequest) (*storekeeperv1.TestPermissionsResponse, error) {
	caller, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	out := &storekeeperv1.TestPermissionsResponse{}
	for _, c := range r.GetChecks() {
		result, policy, err := s.test(ctx, caller, c)
		if err != nil {
			return nil, err
		}
		out.Results, out.Policy = append(out.Results, result), max(out.GetPolicy(), policy)
	}
	return out, nil
}

func (s *Service) test(ctx context.Context, caller authn.Principal, c *storekeeperv1.PermissionCheck) (*storekeeperv1.PermissionResult, string, error) {
	d, err := s.rights.Test(ctx, caller, authz.AccessReview{
		Action: c.GetAction(), Account: c.GetAccount(), Store: c.GetStore(), Secret: c.GetSecret(), Scopes: c.GetScopes(),
	})
	if err != nil {
		f := fault.From(err)
		if f.Kind != fault.NotFound && f.Kind != fault.Denied {
			return nil, "", err
		}
		return &storekeeperv1.PermissionResult{Reason: f.Reason}, d.Policy, nil
	}
	return ResultOf(d), d.Policy, nil
}

// ReasonNameNeeded is the reason of a check that does not name its object.
const ReasonNameNeeded = "NAME_NEEDED"

// ResultOf returns the message of a decision.
func ResultOf(d authz.Decision) *storekeeperv1.PermissionResult {
	switch {
	case d.Allowed:
		return &storekeeperv1.PermissionResult{Allowed: true, Rule: d.Rule}
	case d.NeedsName:
		return &storekeeperv1.PermissionResult{Reason: ReasonNameNeeded}
	}
	return &storekeeperv1.PermissionResult{Reason: fault.ReasonNotAllowed}
}
