package authz

import (
	"reflect"
	"slices"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// textList is a list of texts in CEL. It behaves as types.NewStringList does, but answers the operator
// "in" without a conversion of each text. The zero value is the empty list.
type textList struct{ texts []string }

var _ traits.Lister = (*textList)(nil)

func (l *textList) list() traits.Lister {
	return types.NewStringList(types.DefaultTypeAdapter, l.texts)
}

// Contains answers the operator "in".
func (l *textList) Contains(value ref.Val) ref.Val {
	if text, is := value.(types.String); is {
		return types.Bool(slices.Contains(l.texts, string(text)))
	}
	return l.list().Contains(value)
}

// Size returns the number of texts.
func (l *textList) Size() ref.Val { return types.Int(len(l.texts)) }

// Type returns CEL's type of lists.
func (*textList) Type() ref.Type { return types.ListType }

// Value returns the texts.
func (l *textList) Value() any { return l.texts }

// The other methods are those of types.NewStringList.

func (l *textList) Add(other ref.Val) ref.Val                    { return l.list().Add(other) }
func (l *textList) Equal(other ref.Val) ref.Val                  { return l.list().Equal(other) }
func (l *textList) Get(index ref.Val) ref.Val                    { return l.list().Get(index) }
func (l *textList) Iterator() traits.Iterator                    { return l.list().Iterator() }
func (l *textList) ConvertToType(to ref.Type) ref.Val            { return l.list().ConvertToType(to) }
func (l *textList) ConvertToNative(to reflect.Type) (any, error) { return l.list().ConvertToNative(to) }
