// Operands: the names of registers, variables and numbers as places in a warp's register file.
#include "runtime/vgpu/vgpu_parser.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

int operand_width_of_type(Parser *p, const char *type)
{
    static const struct { const char *name; int width; } types[] = {
        { "pred", 0 }, { "b8", 1 }, { "u8", 1 }, { "s8", 1 }, { "b16", 2 }, { "u16", 2 }, { "s16", 2 },
        { "f16", 2 }, { "bf16", 2 }, { "b32", 4 }, { "u32", 4 }, { "s32", 4 }, { "f32", 4 }, { "f16x2", 4 },
        { "bf16x2", 4 }, { "tf32", 4 }, { "b64", 8 }, { "u64", 8 }, { "s64", 8 }, { "f64", 8 },
    };
    for (size_t k = 0; k < sizeof types / sizeof *types; k++)
        if (strcmp(types[k].name, type) == 0)
            return types[k].width;
    parser_fail(p, "unknown type '.%.20s'", type);
}

int operand_new_register(Parser *p, int width, int count)
{
    int at = p->k->register_bytes, each = (width * LANES + 63) / 64 * 64;
    if (count < 0 || count > (1 << 20) || at > (1 << 28))
        parser_fail(p, "too many registers");
    p->k->register_bytes += each * count;
    return at;
}

int operand_constant(Parser *p, uint64_t value, int width, bool dynamic)
{
    if (width < 8)
        value &= ((uint64_t)1 << 8 * width) - 1;
    for (int k = 0; k < p->constant_count; k++) {
        const Constant *c = &p->constants[k];
        if (c->value == value && c->width == width && c->dynamic == dynamic)
            return c->at;
    }
    Constant new = { value, width, operand_new_register(p, width, 1), dynamic };
    ARENA_PUSH(&p->m->arena, p->constants, p->constant_count, p->constant_capacity, new);
    return new.at;
}

static int register_at(const Registers *r, int number)
{
    return r->width ? r->first + number * ((r->width * LANES + 63) / 64 * 64) : r->first + number;
}

const Registers *operand_find_register(Parser *p, const char *name, int *at)
{
    size_t length = strlen(name), letters = length;
    while (letters > 0 && isdigit((unsigned char)name[letters - 1]))
        letters--;
    for (int k = p->register_count - 1; k >= 0; k--) {               // inner scopes first
        const Registers *r = &p->registers[k];
        if (r->count < 0 && strcmp(r->name, name) == 0) {
            *at = r->first;
            return r;
        }
        if (r->count < 0 || letters == length || strlen(r->name) != letters)
            continue;
        if (strncmp(r->name, name, letters) != 0)
            continue;
        long number = strtol(name + letters, NULL, 10);
        if (number < r->count) {
            *at = register_at(r, (int)number);
            return r;
        }
    }
    return NULL;
}

const Symbol *operand_find_symbol(const Parser *p, const char *name)
{
    for (int k = p->symbol_count - 1; k >= 0; k--)
        if (strcmp(p->symbols[k].name, name) == 0)
            return &p->symbols[k];
    return NULL;
}

static int find_special(const char *name)
{
    static const char *const names[SPECIALS] = {
        "%tid.x", "%tid.y", "%tid.z", "%ntid.x", "%ntid.y", "%ntid.z", "%ctaid.x", "%ctaid.y", "%ctaid.z",
        "%nctaid.x", "%nctaid.y", "%nctaid.z", "%laneid", "%warpid", "%lanemask_eq", "%lanemask_lt",
        "%lanemask_le", "%lanemask_ge", "%lanemask_gt",
    };
    for (int k = 0; k < SPECIALS; k++)
        if (strcmp(names[k], name) == 0)
            return k;
    return -1;
}

// A number: 12, -3, 0x10U, 0f3f800000, 0d..., 1.5. *width: that of its text, 0 when it says none.
static bool parse_number(const char *text, uint64_t *value, int *width)
{
    char *end;
    *width = 0;
    if (text[0] == '0' && (text[1] == 'f' || text[1] == 'F' || text[1] == 'd' || text[1] == 'D')) {
        *width = tolower((unsigned char)text[1]) == 'f' ? 4 : 8;
        *value = strtoull(text + 2, &end, 16);
        return *end == 0 && end - text == 2 + 2 * *width;
    }
    if (!isdigit((unsigned char)text[0]) && text[0] != '-')
        return false;
    *value = text[0] == '-' ? (uint64_t)strtoll(text, &end, 0) : strtoull(text, &end, 0);
    while (*end == 'U' || *end == 'u')
        end++;
    return *end == 0 && end > text;
}

int64_t operand_immediate(Parser *p, const char *text)
{
    uint64_t value;
    int width;
    if (!parse_number(text, &value, &width) || width)
        parser_fail(p, "'%.40s' is not a number", text);
    return (int64_t)value;
}

static int special_register(Parser *p, int special)
{
    if (p->k->special[special] == NO_OPERAND)
        p->k->special[special] = operand_new_register(p, 4, 1);
    return p->k->special[special];
}

// A named value that is not a register; its width, or 0 when it takes any.
static bool find_value(Parser *p, const char *text, uint64_t *value, int *width, bool *dynamic)
{
    *dynamic = false;
    *width = 0;
    if (strcmp(text, "WARP_SZ") == 0) {
        *value = LANES;
        return true;
    }
    const Symbol *s = operand_find_symbol(p, text);
    if (!s)
        return parse_number(text, value, width);
    *value = s->at;
    *dynamic = s->dynamic;
    *width = s->space == SPACE_GLOBAL || s->space == SPACE_CONST ? 8 : 0;
    return true;
}

int operand_value(Parser *p, const char *text, int width, int *found)
{
    int at, own, special = find_special(text);
    uint64_t value;
    bool dynamic;
    const Registers *r = operand_find_register(p, text, &at);
    if (r) {
        own = r->width;
    } else if (special >= 0) {
        at = special_register(p, special);
        own = 4;
    } else if (find_value(p, text, &value, &own, &dynamic)) {
        if (!own)
            own = width ? width : 4;
        at = operand_constant(p, value, own, dynamic);
    } else {
        parser_fail(p, "'%.60s' is not known", text);
    }
    if (r && !r->width)
        parser_fail(p, "'%.60s' is a predicate", text);
    if (width && own != width)
        parser_fail(p, "'%.60s' has %d bytes where the instruction takes %d", text, own, width);
    if (found)
        *found = own;
    return at;
}

int operand_predicate(Parser *p, const char *text, bool *negated)
{
    bool no = text[0] == '!';
    int at;
    text += no;
    while (*text == ' ')
        text++;
    if (no && !negated)
        parser_fail(p, "a negated predicate cannot be written to");
    const Registers *r = operand_find_register(p, text, &at);
    if (!r && negated && (strcmp(text, "1") == 0 || strcmp(text, "-1") == 0 || strcmp(text, "0") == 0)) {
        *negated = no != (text[0] == '0');
        return ALWAYS;
    }
    if (!r || r->width)
        parser_fail(p, "'%.60s' is not a predicate", text);
    if (negated)
        *negated = no;
    return at;
}

static char *trimmed(char *text)
{
    while (*text == ' ')
        text++;
    char *end = text + strlen(text);
    while (end > text && end[-1] == ' ')
        *--end = 0;
    return text;
}

int operand_address(Parser *p, char *text, Space space, int *width, int64_t *offset)
{
    char *end = strrchr(text, ']');
    if (*text != '[' || !end)
        parser_fail(p, "'%.60s' is not an address", text);
    *end = 0;
    text = trimmed(text + 1);
    *offset = 0;
    char *plus = strchr(text, '+');
    if (plus) {
        *plus = 0;
        *offset = operand_immediate(p, trimmed(plus + 1));
        text = trimmed(text);
    }
    const Symbol *s = operand_find_symbol(p, text);
    bool global = s && (s->space == SPACE_GLOBAL || s->space == SPACE_CONST);
    if (s && s->space != space && !(global && space == SPACE_GENERIC))
        parser_fail(p, "'%.60s' is in another space", text);
    *width = 8;
    if (s || isdigit((unsigned char)*text))
        return operand_value(p, text, 8, NULL);
    int at = operand_value(p, text, 0, width);
    if (*width < 4)
        parser_fail(p, "'%.60s' is too narrow for an address", text);
    return at;
}

int operand_split(char *text, char **to, int most)
{
    int count = 0, depth = 0;
    text = trimmed(text);
    if (!*text)
        return 0;
    to[count++] = text;
    for (; *text; text++) {
        depth += *text == '{' || *text == '[';
        depth -= *text == '}' || *text == ']';
        if (*text != ',' || depth)
            continue;
        *text = 0;
        if (count == most)
            return -1;
        to[count++] = text + 1;
    }
    for (int k = 0; k < count; k++)
        to[k] = trimmed(to[k]);
    return count;
}

int operand_vector(Parser *p, char *text, char **to, int most)
{
    char *end = strrchr(text, '}');
    if (*text != '{' || !end)
        parser_fail(p, "'%.60s' is not a vector", text);
    *end = 0;
    int count = operand_split(text + 1, to, most);
    if (count < 1)
        parser_fail(p, "a vector of too many elements");
    return count;
}
