package main

import (
	"fmt"
	"go/ast"
	"go/types"
	"maps"
	"slices"
	"strings"
)

const (
	// operations is how many operations Secrets Store has.
	operations = 12
	// most is the number of operations from which on a type counts as offering Secrets Store.
	most = 7
)

// isOperation reports whether a method has the name of one of the twelve operations.
func isOperation(name string) bool {
	switch name {
	case "CreateStore", "ListStores", "GetStore", "DeleteStore",
		"CreateSecrets", "ListSecrets", "GetSecret", "UpdateSecret",
		"DeleteSecret", "DeleteSecrets", "DuplicateSecret", "Quota", "GetQuota":
		return true
	default:
		return false
	}
}

// offers returns the operations that a type has, by name.
func offers(t types.Type) map[string]types.Type {
	found := map[string]types.Type{}
	for method := range methods(t).Methods() {
		if name := method.Obj().Name(); isOperation(name) {
			found[name] = method.Type()
		}
	}
	return found
}

// methods is the method set of a type, that of the pointer included.
func methods(t types.Type) *types.MethodSet {
	if _, isPointer := t.Underlying().(*types.Pointer); !isPointer && !types.IsInterface(t) {
		t = types.NewPointer(t)
	}
	return types.NewMethodSet(t)
}

// ownOperations returns the operations that a struct declares, or inherits from
// a field of an interface type or of a type of another package. Operations of
// an embedded struct of the same package are left out, because the embedding
// struct does not replace the embedded one.
func ownOperations(t *types.TypeName, s *types.Struct) map[string]types.Type {
	found := map[string]types.Type{}
	for method := range methods(t.Type()).Methods() {
		name, way := method.Obj().Name(), method.Index()
		if isOperation(name) && (len(way) == 1 || !isStructOf(t.Pkg(), s.Field(way[0]).Type())) {
			found[name] = method.Type()
		}
	}
	return found
}

// isStructOf reports whether a type, or its pointer's element, is a struct that
// a package declares.
func isStructOf(p *types.Package, t types.Type) bool {
	name := nameOf(t)
	return name != nil && name.Pkg() == p && !types.IsInterface(name.Type())
}

// nameOf returns the declaration of a type or of its pointer's element, or nil.
func nameOf(t types.Type) *types.TypeName {
	if pointer, ok := types.Unalias(t).(*types.Pointer); ok {
		t = pointer.Elem()
	}
	if n, ok := types.Unalias(t).(*types.Named); ok {
		return n.Obj()
	}
	return nil
}

// isGenerated reports whether a type is declared in gen/.
func isGenerated(t types.Type) bool {
	name := nameOf(t)
	return name != nil && name.Pkg() != nil && strings.Contains(name.Pkg().Path(), "/gen/")
}

// named calls a function with each type that a package declares, in the order of
// their names.
func named(p *checked, do func(*types.TypeName)) {
	scope := p.types.Scope()
	for _, name := range scope.Names() {
		if t, ok := scope.Lookup(name).(*types.TypeName); ok && !t.IsAlias() {
			do(t)
		}
	}
}

// decorators lists the structs with seven or more of the twelve operations that
// hold, in a field, a value with seven or more of the same operations.
// Operations are the same if name and signature are equal. Types that are
// generated from the proto files do not count as held values.
func decorators(packages []*checked) []string {
	found := []string{}
	for _, p := range packages {
		named(p, func(t *types.TypeName) {
			s, ok := t.Type().Underlying().(*types.Struct)
			if !ok {
				return
			}
			own := ownOperations(t, s)
			for field := range s.Fields() {
				if !isGenerated(field.Type()) && shared(own, offers(field.Type())) >= most {
					found = append(found, fmt.Sprintf("%s.%s, over %s", p.name, t.Name(), field.Name()))
					return
				}
			}
		})
	}
	return found
}

// shared counts the operations that both have with the same signature.
func shared(a, b map[string]types.Type) int {
	sum := 0
	for name, signature := range a {
		if other, ok := b[name]; ok && types.Identical(signature, other) {
			sum++
		}
	}
	return sum
}

// interfaces lists the interfaces with twelve methods or more, embedded ones
// included, and the methods with the name of an operation that interfaces
// declare.
func interfaces(packages []*checked) (large, repeated []string) {
	large, repeated = []string{}, []string{}
	for _, p := range packages {
		named(p, func(t *types.TypeName) {
			i, ok := t.Type().Underlying().(*types.Interface)
			if !ok {
				return
			}
			if i.NumMethods() >= operations {
				large = append(large, fmt.Sprintf("%s.%s %d", p.name, t.Name(), i.NumMethods()))
			}
			for method := range i.ExplicitMethods() {
				if isOperation(method.Name()) {
					repeated = append(repeated, fmt.Sprintf("%s.%s.%s", p.name, t.Name(), method.Name()))
				}
			}
		})
	}
	return large, repeated
}

// contextKeys lists the keys of context.WithValue: types, or constants if
// several keys have one type.
func contextKeys(packages []*checked) []string {
	found := map[string]bool{}
	for _, p := range packages {
		for _, file := range p.files {
			ast.Inspect(file, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok || len(call.Args) != 3 {
					return true
				}
				called, ok := call.Fun.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				if f, ok := p.info.Uses[called.Sel].(*types.Func); ok && f.FullName() == "context.WithValue" {
					found[p.key(call.Args[1])] = true
				}
				return true
			})
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// key describes the key of a call of context.WithValue.
func (c *checked) key(e ast.Expr) string {
	of := c.info.Types[e]
	text := types.TypeString(of.Type, func(p *types.Package) string { return p.Path() })
	if of.Value != nil {
		return text + " " + of.Value.ExactString()
	}
	if _, isStruct := of.Type.Underlying().(*types.Struct); isStruct {
		return text
	}
	return text + " " + types.ExprString(e) // For example the address of a variable.
}
