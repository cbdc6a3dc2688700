// Package script has the test script for every client, and runs the script. It
// must not know any client: a client makes one call at a time and returns the
// result.
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
	// Token replaces the valid token.
	Token string `json:"token,omitzero"`
	// Account is the id of the account. Run fills in an empty Account.
	Account string `json:"account,omitzero"`
	Store   string `json:"store,omitzero"`
	Secret  string `json:"secret,omitzero"`
	// Fields of the store or secret that is created or changed.
	Fields Fields `json:"fields,omitzero"`
	// Items are the secrets to create.
	Items []Fields `json:"items,omitzero"`
	// IDs are the secrets to delete. Nil sends no body, as the SDKs do.
	IDs   []string `json:"ids,omitzero"`
	Force bool     `json:"force,omitzero"`
	List  List     `json:"list,omitzero"`
	// Request is the request of Plain.
	Request Request `json:"-"`
	// Command is the command of Run.
	Command Command `json:"-"`
}

// Command is a command line of a client that is a program.
type Command struct {
	Args []string
	// Slash ends the base URL with a slash.
	Slash bool
	// GuessAccount lets the program find the account.
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

// Request is a request that no SDK sends.
type Request struct {
	Method string
	// Path follows the base URL, query included.
	Path string
	// Header is sent besides the right Authorization; an empty value removes it.
	Header map[string]string
	// Body is sent unchanged. Empty: no body.
	Body string
}

// Client is a client of the API, connected to one side.
type Client interface {
	// Do makes the call and returns the client's result or error as a View.
	// ErrNotOffered means that the client does not have the operation; every
	// other error is a defect of the test.
	Do(ctx context.Context, c Call) (View, error)
}

// ErrNotOffered tells that a client lacks an operation.
var ErrNotOffered = errors.New("the client does not offer this")

// View is a client's result for an answer, as JSON.
type View = json.RawMessage
