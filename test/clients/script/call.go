// Package script holds what every client is put through, and runs it. It must
// not know any client: a client takes one call at a time and tells what came
// of it.
package script

import (
	"context"
	"encoding/json"
	"errors"
)

// Names of the operations that clients offer. The drivers in other languages
// use the same words.
const (
	VerifyUserToken    = "verify user token"
	VerifyAccountToken = "verify account token"
	ShowUser           = "user"
	ListAccounts       = "list accounts"
	ListMemberships    = "list memberships"
	ShowQuota          = "quota"
	CreateStore        = "create store"
	ListStores         = "list stores"
	ShowStore          = "show store"
	DeleteStore        = "delete store"
	CreateSecrets      = "create secrets"
	ListSecrets        = "list secrets"
	ShowSecret         = "show secret"
	EditSecret         = "edit secret"
	DuplicateSecret    = "duplicate secret"
	DeleteSecret       = "delete secret"
	DeleteSecrets      = "delete secrets"
	// Plain is a request written by hand.
	Plain = "plain"
	// Run is a command line.
	Run = "run"
)

// Call is one use of a client.
type Call struct {
	Op string `json:"op"`
	// Token replaces the right one.
	Token string `json:"token,omitzero"`
	// Account is the id of the account. Run fills it in where it is empty.
	Account string `json:"account,omitzero"`
	Store   string `json:"store,omitzero"`
	Secret  string `json:"secret,omitzero"`
	// Fields are those of the one store or secret that is created or changed.
	Fields Fields `json:"fields,omitzero"`
	// Items are the secrets to create.
	Items []Fields `json:"items,omitzero"`
	// IDs are the secrets to delete. Nil is a request without a body, which is
	// what the SDKs send by themselves.
	IDs   []string `json:"ids,omitzero"`
	Force bool     `json:"force,omitzero"`
	List  List     `json:"list,omitzero"`
	// Request is what to send for Plain.
	Request Request `json:"-"`
	// Command is what to run for Run.
	Command Command `json:"-"`
}

// Command is a command line of a client that is a program.
type Command struct {
	Args []string
	// Slash ends the base URL with a slash.
	Slash bool
	// GuessAccount leaves it to the program to find the account.
	GuessAccount bool
}

// Fields are sent as far as they are set: nil is an absent field.
type Fields struct {
	Name    *string  `json:"name,omitzero"`
	Value   *string  `json:"value,omitzero"`
	Scopes  []string `json:"scopes,omitzero"`
	Comment *string  `json:"comment,omitzero"`
	// NullComment sends null, which clears a comment.
	NullComment bool `json:"null_comment,omitzero"`
}

// List chooses from a list. Nil and empty are not sent.
type List struct {
	Page      *int64   `json:"page,omitzero"`
	PerPage   *int64   `json:"per_page,omitzero"`
	Order     string   `json:"order,omitzero"`
	Direction string   `json:"direction,omitzero"`
	Search    string   `json:"search,omitzero"`
	Scopes    []string `json:"scopes,omitzero"`
	// All reads on to the end with the client's own pager.
	All bool `json:"all,omitzero"`
}

// Request is one that is written by hand.
type Request struct {
	Method string
	// Path follows the base URL, query included.
	Path string
	// Header is sent besides the right Authorization; an empty value removes it.
	Header map[string]string
	// Body is sent as it is. Empty is no body.
	Body string
}

// Client is one client of the API, pointed at one side.
type Client interface {
	// Do makes the call and returns what the client made of the answer, the
	// client's own error included. ErrNotOffered says that the client has no
	// such operation; every other error is a defect of the test.
	Do(ctx context.Context, c Call) (View, error)
}

// ErrNotOffered tells that a client lacks an operation.
var ErrNotOffered = errors.New("the client does not offer this")

// View is what a client made of an answer, as JSON.
type View = json.RawMessage
