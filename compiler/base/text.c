// Words and bytes: edit distance, printing that no hostile text can abuse.
#include "base/text.h"
#include <stdbool.h>
#include <string.h>

enum { LONGEST_WORD = 64 };           // longer words have no nearest one

static int least(int a, int b)
{
    return a < b ? a : b;
}

// Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours cost 1.
static int distance(const char *a, const char *b)
{
    int rows[3][LONGEST_WORD + 1];
    int la = (int)strlen(a), lb = (int)strlen(b);
    int *before = rows[0], *last = rows[1], *row = rows[2];
    for (int j = 0; j <= lb; j++)
        last[j] = j;
    for (int i = 1; i <= la; i++) {
        row[0] = i;
        for (int j = 1; j <= lb; j++) {
            int cost = a[i - 1] != b[j - 1];
            row[j] = least(least(last[j], row[j - 1]) + 1, last[j - 1] + cost);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], before[j - 2] + 1);
        }
        int *spare = before;
        before = last, last = row, row = spare;
    }
    return last[lb];
}

const char *text_nearest(const char *word, const char *const *words, int count)
{
    size_t length = strlen(word);
    if (length == 0 || length > LONGEST_WORD)
        return NULL;
    // A third of the word may be wrong, but a word is never all mistake.
    int most = length < 3 ? 1 : ((int)length + 2) / 3;
    const char *nearest = NULL;
    for (int i = 0; i < count; i++) {
        size_t other = strlen(words[i]);
        size_t differ = other > length ? other - length : length - other;
        if (other > LONGEST_WORD || (int)differ > most)      // no less apart than in length
            continue;
        int d = distance(word, words[i]);
        if (d <= most && d < (int)length && d < (int)other) {
            nearest = words[i];
            most = d - 1;
        }
    }
    return nearest;
}

// The length of the UTF-8 sequence at `text`, 0 if it is not valid; `point` gets its value.
static int utf8_sequence(const unsigned char *text, int length, unsigned *point)
{
    static const struct { unsigned char mask, lead; unsigned least; } forms[] = {
        { 0x80, 0x00, 0 }, { 0xe0, 0xc0, 0x80 }, { 0xf0, 0xe0, 0x800 }, { 0xf8, 0xf0, 0x10000 },
    };
    for (int extra = 0; extra < 4; extra++) {
        if ((text[0] & forms[extra].mask) != forms[extra].lead)
            continue;
        unsigned value = text[0] & (unsigned char)~forms[extra].mask;
        if (extra >= length)
            return 0;
        for (int i = 1; i <= extra; i++) {
            if ((text[i] & 0xc0) != 0x80)
                return 0;
            value = value << 6 | (text[i] & 0x3f);
        }
        bool surrogate = value >= 0xd800 && value <= 0xdfff;
        if (value < forms[extra].least || value > 0x10ffff || surrogate)
            return 0;
        *point = value;
        return extra + 1;
    }
    return 0;
}

// Code points that draw nothing or turn the text around them about.
static bool is_hidden(unsigned point)
{
    return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0xad || point == 0x61c
        || (point >= 0x200b && point <= 0x200f) || (point >= 0x2028 && point <= 0x202e)
        || (point >= 0x2060 && point <= 0x206f) || point == 0xfeff
        || (point >= 0xfff9 && point <= 0xfffb) || (point >= 0xe0000 && point <= 0xe0fff);
}

// One visible piece of `text` into `piece`; returns how many bytes of `text` it stands for.
static int safe_piece(const char *text, int length, char piece[16], int *columns)
{
    const unsigned char *bytes = (const unsigned char *)text;
    unsigned point = 0;
    int used = utf8_sequence(bytes, length, &point);
    if (used == 0) {
        *columns = snprintf(piece, 16, "\\x%02x", bytes[0]);
        return 1;
    }
    if (point == '\t') {
        *columns = snprintf(piece, 16, " ");
        return 1;
    }
    if (is_hidden(point)) {
        *columns = point < 0x100 ? snprintf(piece, 16, "\\x%02x", point)
                                 : snprintf(piece, 16, "\\u{%x}", point);
        return used;
    }
    memcpy(piece, text, (size_t)used);
    piece[used] = 0;
    *columns = 1;
    return used;
}

void text_print_safe(FILE *out, const char *text, int length)
{
    char piece[16];
    int columns;
    for (int i = 0; i < length;) {
        i += safe_piece(text + i, length - i, piece, &columns);
        fputs(piece, out);
    }
}

int text_columns_safe(const char *text, int length)
{
    char piece[16];
    int columns, all = 0;
    for (int i = 0; i < length; all += columns)
        i += safe_piece(text + i, length - i, piece, &columns);
    return all;
}

void text_print_json(FILE *out, const char *text)
{
    int length = (int)strlen(text);
    fputc('"', out);
    for (int i = 0; i < length;) {
        unsigned point = 0;
        int used = utf8_sequence((const unsigned char *)text + i, length - i, &point);
        if (used == 0)
            fputs("\\ufffd", out);
        else if (point == '"' || point == '\\')
            fprintf(out, "\\%c", (char)point);
        else if (point == '\n')
            fputs("\\n", out);
        else if (is_hidden(point) && point < 0x10000)
            fprintf(out, "\\u%04x", point);
        else
            fwrite(text + i, 1, (size_t)used, out);
        i += used ? used : 1;
    }
    fputc('"', out);
}

void text_symbol(char *to, int size, const char *from)
{
    int n = 0;
    for (; *from && n + 1 < size; from++) {
        char c = *from;
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
            || c == '_' || c == '.' || c == '-';
        to[n++] = plain ? c : '_';
    }
    if (size > 0)
        to[n] = 0;
}
