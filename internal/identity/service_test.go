package identity_test

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	identityv1 "platform.internal/storekeeper/gen/storekeeper/identity/v1"
	"platform.internal/storekeeper/internal/authn"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/identity"
	"platform.internal/storekeeper/internal/scope"
)

var id = regexp.MustCompile(`^[0-9a-f]{32}$`)

func accounts(n int) []identity.Account {
	var list []identity.Account
	for i := range n {
		list = append(list, identity.Account{ID: fmt.Sprintf("%032x", i+1), Name: fmt.Sprintf("%c%03d", 'a'+i%2, i)})
	}
	return list
}

func as(name string) context.Context {
	return authn.WithPrincipal(context.Background(), &authn.Principal{Name: name})
}

func TestTheAnswersAreAboutTheCaller(t *testing.T) {
	s := identity.NewService(accounts(2))
	user := func(name string) *identityv1.User {
		a, err := s.GetUser(as(name), &identityv1.GetUserRequest{})
		if err != nil {
			t.Fatal(err)
		}
		return a.GetUser()
	}
	token := func(name string) *identityv1.Token {
		a, err := s.VerifyToken(as(name), &identityv1.VerifyTokenRequest{})
		if err != nil {
			t.Fatal(err)
		}
		return a.GetToken()
	}
	team := user("team-a")
	if team.GetUsername() != "team-a" || team.GetEmail() != "team-a@storekeeper.invalid" || !id.MatchString(team.GetId()) {
		t.Errorf("got %v", team)
	}
	if mail := user("x@example.com").GetEmail(); mail != "x@example.com" {
		t.Errorf("a caller with an address has %q", mail)
	}
	if team.GetId() != user("team-a").GetId() || team.GetId() == user("team-b").GetId() || team.GetId() == token("team-a").GetId() {
		t.Error("identifiers are not those of their callers")
	}
	if token("team-a").GetStatus() != "active" || !id.MatchString(token("team-a").GetId()) || token("team-a").GetId() == token("team-b").GetId() {
		t.Errorf("got %v", token("team-a"))
	}
}

func TestATokenIsVerifiedForAnAccountThatIsServed(t *testing.T) {
	all := accounts(2)
	s := identity.NewService(all)
	for given, want := range map[string]bool{"": true, all[0].ID: true, all[1].Name: true, fmt.Sprintf("%032x", 9): false, "nobody": false} {
		_, err := s.VerifyToken(as("x"), &identityv1.VerifyTokenRequest{AccountId: given})
		if (err == nil) != want || err != nil && fault.From(err).Kind != fault.Denied {
			t.Errorf("%q: got %v", given, err)
		}
	}
}

func TestNobodyIsToldNothing(t *testing.T) {
	s := identity.NewService(accounts(1))
	if _, err := s.VerifyToken(context.Background(), &identityv1.VerifyTokenRequest{}); fault.From(err).Kind != fault.Unauthenticated {
		t.Errorf("got %v", err)
	}
	if _, err := s.GetUser(context.Background(), &identityv1.GetUserRequest{}); fault.From(err).Kind != fault.Unauthenticated {
		t.Errorf("got %v", err)
	}
}

// TestListsShowWhatMayBeSeen holds both lists against a model, page by page.
func TestListsShowWhatMayBeSeen(t *testing.T) {
	for _, n := range []int{0, 1, 40, 205} {
		all := accounts(n)
		s := identity.NewService(all)
		for _, prefix := range []string{"", "a", "b", "z"} {
			var want []string
			for _, a := range all {
				if strings.HasPrefix(a.Name, prefix) {
					want = append(want, a.Name)
				}
			}
			slices.Sort(want)
			ctx := scope.WithVisible(as("x"), func(name string) bool { return strings.HasPrefix(name, prefix) })
			if prefix == "" {
				ctx = as("x")
			}
			for _, size := range []int32{0, 1, 7, 100, 101} {
				gotAccounts, gotMembers := pages(ctx, t, s, size, len(want))
				if !slices.Equal(gotAccounts, want) || !slices.Equal(gotMembers, want) {
					t.Errorf("%d accounts, prefix %q, by %d: got %v and %v", n, prefix, size, gotAccounts, gotMembers)
				}
			}
		}
	}
}

// pages reads both lists to their ends.
func pages(ctx context.Context, t *testing.T, s *identity.Service, size int32, total int) (accounts, members []string) {
	t.Helper()
	for page := int32(1); ; page++ {
		a, err := s.ListAccounts(ctx, &identityv1.ListAccountsRequest{Page: page, PerPage: size})
		m, memberErr := s.ListMemberships(ctx, &identityv1.ListMembershipsRequest{Page: page, PerPage: size})
		if err != nil || memberErr != nil {
			t.Fatal(err, memberErr)
		}
		if a.GetResultInfo().GetTotalCount() != int32(total) || m.GetResultInfo().GetTotalCount() != int32(total) || int(a.GetResultInfo().GetCount()) != len(a.GetAccounts()) {
			t.Errorf("page %d: %v, %v, want %d in all", page, a.GetResultInfo(), m.GetResultInfo(), total)
		}
		if len(a.GetAccounts())+len(m.GetMemberships()) == 0 {
			return accounts, members
		}
		for _, account := range a.GetAccounts() {
			accounts = append(accounts, account.GetName())
		}
		for _, member := range m.GetMemberships() {
			members = append(members, member.GetAccount().GetName())
		}
	}
}

func TestListsAreFilteredAndSortedAsAsked(t *testing.T) {
	t.Parallel()
	// The order of the configuration is none that a client can ask for.
	s := identity.NewService([]identity.Account{{ID: fmt.Sprintf("%032x", 1), Name: "main"}, {ID: fmt.Sprintf("%032x", 2), Name: "staging"}, {ID: fmt.Sprintf("%032x", 3), Name: "dev"}})
	for name, c := range map[string]struct {
		asked *identityv1.ListAccountsRequest
		want  string
	}{
		"nothing":                {&identityv1.ListAccountsRequest{}, "dev main staging"},
		"a name":                 {&identityv1.ListAccountsRequest{Name: "staging"}, "staging"},
		"the start of a name":    {&identityv1.ListAccountsRequest{Name: "stag"}, ""},
		"a name in other case":   {&identityv1.ListAccountsRequest{Name: "Staging"}, ""},
		"a name that nobody has": {&identityv1.ListAccountsRequest{Name: "nobody"}, ""},
		"descending":             {&identityv1.ListAccountsRequest{Direction: "desc"}, "staging main dev"},
		"the second of two":      {&identityv1.ListAccountsRequest{Direction: "desc", PerPage: 2, Page: 2}, "dev"},
	} {
		got, err := s.ListAccounts(as("x"), c.asked)
		var names []string
		for _, a := range got.GetAccounts() {
			names = append(names, a.GetName())
		}
		if err != nil || strings.Join(names, " ") != c.want {
			t.Errorf("accounts, %s: got %v (%v), want %s", name, names, err, c.want)
		}
	}
	byID := namesByID(t, s)
	for name, c := range map[string]struct {
		asked *identityv1.ListMembershipsRequest
		want  string
	}{
		"nothing":            {&identityv1.ListMembershipsRequest{}, "dev main staging"},
		"a name":             {&identityv1.ListMembershipsRequest{Name: "staging"}, "staging"},
		"an account's name":  {&identityv1.ListMembershipsRequest{Account: &identityv1.AccountFilter{Name: "main"}}, "main"},
		"two names":          {&identityv1.ListMembershipsRequest{Name: "dev", Account: &identityv1.AccountFilter{Name: "main"}}, ""},
		"accepted":           {&identityv1.ListMembershipsRequest{Status: "accepted"}, "dev main staging"},
		"pending":            {&identityv1.ListMembershipsRequest{Status: "pending"}, ""},
		"rejected":           {&identityv1.ListMembershipsRequest{Status: "rejected"}, ""},
		"by id":              {&identityv1.ListMembershipsRequest{Order: "id"}, byID},
		"by name descending": {&identityv1.ListMembershipsRequest{Order: "account.name", Direction: "desc"}, "staging main dev"},
	} {
		got, err := s.ListMemberships(as("x"), c.asked)
		var names []string
		for _, m := range got.GetMemberships() {
			names = append(names, m.GetAccount().GetName())
		}
		if err != nil || strings.Join(names, " ") != c.want {
			t.Errorf("memberships, %s: got %v (%v), want %s", name, names, err, c.want)
		}
	}
}

// namesByID lists the accounts in the order of the ids of their memberships.
func namesByID(t *testing.T, s *identity.Service) string {
	t.Helper()
	all, err := s.ListMemberships(as("x"), &identityv1.ListMembershipsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	members := all.GetMemberships()
	slices.SortFunc(members, func(a, b *identityv1.Membership) int { return strings.Compare(a.GetId(), b.GetId()) })
	var names []string
	for _, m := range members {
		names = append(names, m.GetAccount().GetName())
	}
	return strings.Join(names, " ")
}
