// Small changes by which a text that does not parse would: tried one after the other at a fault, the
// one that reads on furthest stays. So one slip is one message, and all behind it is checked.
#include "front/parse.h"
#include "base/text.h"
#include "net.tab.h"
#include <string.h>

// A change must bring the parser this many tokens beyond the fault; all of a file's attempts
// together may read so many tokens. Changed are the token at the fault and so many before it.
enum { LEAST_GAIN = 2, MOST_WORK = 3000000, FURTHEST_BACK = 2 };

typedef struct {
    Parse *p;
    int    from;               // the item begins here
    Mend   best;
    int    reach;              // of the best one: the next fault, or the end of the item
} Search;

static void make(Parse *p, Mend m)
{
    Token *t = &p->tokens[m.token];
    if (m.kind == MEND_PUT)
        t->put = m.with;
    else if (m.kind != MEND_NONE)
        t->instead = m.kind == MEND_CUT ? TOK_CUT : m.with;
}

static void attempt(Search *s, MendKind kind, int token, int with)
{
    Parse *p = s->p;
    if (p->work > MOST_WORK || s->reach >= p->end || (kind != MEND_PUT && p->tokens[token].kind == TOK_END))
        return;
    Token before = p->tokens[token];
    if (before.put || before.instead)
        return;
    Mend m = { kind, token, with };
    make(p, m);
    int next = parse_probe(p, s->from);
    p->tokens[token] = before;
    int reach = next < 0 ? p->end : next;
    if (reach > s->reach) {
        s->reach = reach;
        s->best = m;
    }
}

// Lets probes pass over the statements that ended before token i, in each body around it: what the
// parser makes of the rest does not depend on them. A statement has ended when the token behind it
// is one that no attempt changes.
static void skip_statements(Parse *p, int i)
{
    int last = i - FURTHEST_BACK - 1;
    for (int body = p->tokens[i].group; body >= 0; body = p->tokens[body].group) {
        while (last > body && !(p->tokens[last].begins && p->tokens[last].group == body))
            last--;
        if (last > body && p->tokens[body].kind == TOK_OPEN_BODY)
            p->tokens[body].enter_at = last;
        last = last < body ? last : body;
    }
}

static bool in_round_brackets(const Parse *p, const Token *t)
{
    return t->group >= 0 && p->tokens[t->group].kind == TOK_OPEN;
}

static bool is_value(int kind)
{
    return kind == TOK_NUMBER || kind == TOK_DIMS || kind == TOK_TEXT || kind == TOK_OPEN_LIST;
}

// `loss =` at the end of a line, and on the next one `epochs = 3`, of which this is the `=`.
static bool value_lacks(const Parse *p, const Token *t)
{
    return t - p->tokens >= 2 && t[-1].first && t[-2].kind == TOK_IS_SET;
}

// `nett lenet : ...`: the keyword nearest to the first word of an item.
static void attempt_keyword(Search *s)
{
    static const char *const words[] = { "use", "let", "op", "block", "net", "data", "train" };
    static const int kinds[] = { TOK_USE, TOK_LET, TOK_OP, TOK_BLOCK, TOK_NET, TOK_DATA, TOK_TRAIN };
    const Token *t = &s->p->tokens[s->from];
    const char *nearest = t->kind == TOK_NAME ? text_nearest(t->text, words, 7) : NULL;
    for (int i = 0; nearest && i < 7; i++)
        if (words[i] == nearest)
            attempt(s, MEND_INSTEAD, s->from, kinds[i]);
}

// All changes that are worth a try at token i, the likelier ones first.
static void attempt_all(Search *s, int i)
{
    Parse *p = s->p;
    const Token *t = &p->tokens[i];
    if (i == s->from)
        attempt_keyword(s);
    if (t->group < 0 && i > s->from && p->tokens[i - 1].kind == TOK_NAME && i - 1 == s->from)
        attempt_keyword(s);
    if (t->kind == TOK_COLON || t->kind == TOK_EQUAL)
        attempt(s, MEND_INSTEAD, i, TOK_IS_SET);
    if (value_lacks(p, t))
        return;
    if (t->kind == TOK_IS_SET)
        attempt(s, MEND_INSTEAD, i, TOK_EQUAL);
    if (t->kind == TOK_MINUS || t->kind == TOK_MORE || (t->kind == TOK_IS_SET && t->group < 0))
        attempt(s, MEND_INSTEAD, i, TOK_ARROW);
    for (int back = i - 1; back >= s->from && back >= i - FURTHEST_BACK; back--)
        if (p->tokens[back].kind == TOK_MINUS || p->tokens[back].kind == TOK_MORE)
            attempt(s, MEND_INSTEAD, back, TOK_ARROW);
    bool count = is_value(t->kind) && t[1].kind == TOK_OPEN_BODY && t->group >= 0;    // repeat 2 {
    if (is_value(t->kind) && i > s->from && t[-1].kind == TOK_NAME && !count)
        attempt(s, MEND_PUT, i, TOK_IS_SET);
    if (in_round_brackets(p, t)) {
        attempt(s, MEND_PUT, i, TOK_COMMA);
        attempt(s, MEND_PUT, i, TOK_IS_SET);
    } else if (!count) {
        attempt(s, MEND_PUT, i, TOK_ARROW);
        attempt(s, MEND_PUT, i, TOK_COLON);
        attempt(s, MEND_PUT, i, TOK_IS_SET);
        attempt(s, MEND_PUT, i, TOK_ON);
        attempt(s, MEND_PUT, i, TOK_IN);
        attempt(s, MEND_PUT, i, TOK_WITH);
        attempt(s, MEND_PUT, i, TOK_COMMA);
    }
    if (t->partner < 0)
        attempt(s, MEND_CUT, i, 0);
    if (i > s->from && p->tokens[i - 1].partner < 0)
        attempt(s, MEND_CUT, i - 1, 0);
}

Mend mend_fault(Parse *p, int from)
{
    int fault = p->fault;                  // probing overwrites it
    Search s = { .p = p, .from = from, .reach = fault + LEAST_GAIN - 1, .best = { MEND_NONE, fault, 0 } };
    skip_statements(p, fault);
    attempt_all(&s, fault);
    p->fault = fault;
    make(p, s.best);
    for (int i = s.best.token; i <= fault; i++)
        p->tokens[i].begins = false;
    return s.best;
}
