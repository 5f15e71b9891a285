// Scopes: hashed names, looked up from the inside out.
#include "front/scope.h"

Scope *scope_open(Arena *a, Scope *outer)
{
    Scope *s = ARENA_NEW(a, Scope);
    s->outer = outer;
    names_open(&s->names, a);
    return s;
}

Binding *scope_find_here(Scope *s, const char *name)
{
    return names_find(&s->names, name);
}

Binding *scope_find(Scope *s, const char *name)
{
    for (; s; s = s->outer) {
        Binding *b = names_find(&s->names, name);
        if (b)
            return b;
    }
    return NULL;
}

Binding *scope_bind(Scope *s, const char *name, BoundKind kind, Value value, Span at)
{
    Binding *b = ARENA_NEW(s->names.arena, Binding);
    *b = (Binding){ .name = name, .value = value, .kind = kind, .at = at };
    names_put(&s->names, name, b);
    return b;
}

Declared *declared_at(Arena *a, Names *all, Span at, const char *name, BoundKind kind)
{
    const char *key = arena_printf(a, "%d", at.start);
    Declared *d = names_find(all, key);
    if (!d) {
        d = ARENA_NEW(a, Declared);
        *d = (Declared){ .name = name, .kind = kind, .at = at };
        names_put(all, key, d);
    }
    return d;
}
