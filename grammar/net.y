// The syntax of .net files. Syntax only: no op, no argument and no name is known here; every action
// is one call that builds a node of compiler/front/ast.h.
//
// The tokens come from an array in which brackets balance (front/brackets.c). After an error the
// array is read on at a place that fits the bracket it lies in (front/parse.c); TOK_SYNC stands
// before that place, so `error SYNC` is a stage, an argument or an item that did not parse.
%require "3.8"
%expect 0
%define api.pure full
%define api.prefix {net}
%define api.token.prefix {TOK_}
%define api.value.type union
%define api.location.type {Span}
%define parse.error custom
%define parse.lac full
%locations
%param {Parse *p}

%code requires {
#include "front/parse.h"
}
%code provides {
int netlex(NETSTYPE *value, Span *at, Parse *p);
}
%code {
// The stack cannot grow: brackets and expressions are bounded, what is deeper is refused.
#define YYINITDEPTH 2000
#define YYMAXDEPTH 2000
#define YYLLOC_DEFAULT(here, rhs, n)                                                           \
    do {                                                                                       \
        (here).start = (n) ? YYRHSLOC(rhs, 1).start : YYRHSLOC(rhs, 0).end;                    \
        (here).end = (n) ? YYRHSLOC(rhs, n).end : YYRHSLOC(rhs, 0).end;                        \
    } while (0)
static void neterror(const Span *at, Parse *p, const char *text);
}

%token END "the end of the item" SYNC
%token <const Token *>
    USE "use" LET "let" OP "op" BLOCK "block" NET "net" DATA "data" TRAIN "train"
    DEFAULT "default" WITH "with" REPLACE "replace" DROP "drop" BEFORE "before" AFTER "after"
    WHEN "when" EVERY "every" FOR "for" IN "in" IF "if" ELSE "else" AS "as" IS "is" ON "on"
    NAME "a name" DOTTED "a name with dots" NUMBER "a number" DIMS "dimensions" TEXT "a string"
    ARROW "->" DOTDOT ".." IS_SET "=" COLON ":" QUESTION "?" COMMA "," SEMICOLON ";"
    OPEN "(" CLOSE ")" OPEN_LIST "[" CLOSE_LIST "]" OPEN_BODY "{" CLOSE_BODY "}"
    LINE_LIST "[ on a new line"
    OR "or" AND "and" NOT "not" EQUAL "==" NOT_EQUAL "!=" LESS "<" MORE ">" AT_MOST "<="
    AT_LEAST ">=" PLUS "+" MINUS "-" TIMES "*" DIVIDE "/" FLOOR_DIVIDE "//" MODULO "%" POWER "^"

%nterm <const Token *> word name
%nterm <Ast *> item broken body stmts stmt list pipe spipe term sterm tail ifs sprim prim arith
%nterm <Ast *> call args arglist arg params paramlist param signature part indices names

%right "?" ":"
%left "or"
%left "and"
%precedence "not"
%nonassoc "==" "!=" "<" ">" "<=" ">="
%left "+" "-"
%left "*" "/" "//" "%"
%precedence SIGN
%right "^"

%%
file:
  END                   { p->item = NULL; }
| item END              { p->item = $item; }
| file END
;
item:
  ";"                   { $$ = NULL; }
| item ";"
| "use" TEXT            { $$ = ast_leaf(p, AST_USE, @$, $TEXT); }
| "let" NAME "=" arith  { $$ = AST_MAKE(AST_LET, @$, $NAME, $arith); }
| "op" NAME params indices "=" arith
                        { $$ = ast_op(p, @$, $NAME, $params, $indices, $arith); }
| "block" NAME params body
                        { $$ = ast_item(p, AST_BLOCK, @$, $NAME, $params, NULL, $body); }
| "net" NAME params ":" signature[in] "->" signature[out] body
                        { $$ = ast_net(p, @$, $NAME, $params, $in, $out, $body); }
| "net" NAME "=" NAME[base] "with" body
                        { $$ = AST_MAKE(AST_DERIVE, @$, $2, $body, ast_leaf(p, AST_NAME, @base, $base)); }
| "data" NAME body      { $$ = ast_item(p, AST_DATA, @$, $NAME, NULL, NULL, $body); }
| "train" NAME "on" NAME[data] body
                        { $$ = ast_item(p, AST_TRAIN, @$, $2, NULL, $data, $body); }
| "net" NAME broken body
                        { $$ = AST_MAKE(AST_ERROR, @$, $NAME, $body); }
| "block" NAME broken body
                        { $$ = AST_MAKE(AST_ERROR, @$, $NAME, $body); }
| broken
;
// What did not parse. Errors are reported again at once: the token after SYNC fits.
broken:
  error SYNC            { yyerrok; $$ = ast_leaf(p, AST_ERROR, @$, NULL); }
;
params:
  %empty                { $$ = ast_leaf(p, AST_LIST, @$, NULL); }
| "(" ")"               { $$ = ast_leaf(p, AST_LIST, @$, NULL); }
| "(" paramlist ")"     { $$ = $paramlist; }
;
paramlist:
  param                 { $$ = AST_MAKE(AST_LIST, @$, NULL, $param); }
| paramlist "," param   { $$ = ast_append(p, $1, $param); }
;
param:
  NAME                  { $$ = AST_MAKE(AST_PARAM, @$, $NAME, NULL); }
| NAME "=" arith        { $$ = AST_MAKE(AST_PARAM, @$, $NAME, $arith); }
| broken
;
signature:
  part                  { $$ = AST_MAKE(AST_LIST, @$, NULL, $part); }
| signature "," part    { $$ = ast_append(p, $1, $part); }
;
part:
  arith                 { $$ = AST_MAKE(AST_PARAM, @$, NULL, $arith); }
| NAME "=" arith        { $$ = AST_MAKE(AST_PARAM, @$, $NAME, $arith); }
;
indices:
  %empty                { $$ = ast_leaf(p, AST_LIST, @$, NULL); }
| "[" names "]"         { $$ = $names; }
;
names:
  NAME                  { $$ = AST_MAKE(AST_LIST, @$, NULL, ast_leaf(p, AST_NAME, @1, $1)); }
| names "," NAME        { $$ = ast_append(p, $1, ast_leaf(p, AST_NAME, @3, $3)); }
;

body:
  "{" stmts "}"         { $$ = ast_over(p, AST_BODY, @$, NULL, $stmts); }
;
stmts:
  %empty                { $$ = ast_leaf(p, AST_LIST, @$, NULL); }
| stmts stmt            { $$ = ast_append(p, $1, $stmt);
                          parse_statement(p, yychar != TOK_NETEMPTY); }
| stmts ";"
;
stmt:
  name "=" list         { $$ = ast_over(p, AST_BIND, @$, $name, $list); }
| spipe
| "let" NAME "=" arith  { $$ = AST_MAKE(AST_LET, @$, $NAME, $arith); }
| "default" call        { $$ = AST_MAKE(AST_DEFAULT, @$, NULL, $call); }
| "replace" name body   { $$ = AST_MAKE(AST_REPLACE, @$, $name, $body); }
| "drop" name           { $$ = ast_leaf(p, AST_DROP, @$, $name); }
| "before" name body    { $$ = AST_MAKE(AST_BEFORE, @$, $name, $body); }
| "after" name body     { $$ = AST_MAKE(AST_AFTER, @$, $name, $body); }
| "when" arith body     { $$ = AST_MAKE(AST_WHEN, @$, NULL, $arith, $body); }
| "every" NUMBER NAME body
                        { $$ = ast_every(p, @$, $NUMBER, $NAME, $body); }
| "every" NAME body     { $$ = ast_every(p, @$, NULL, $NAME, $body); }
;
list:
  pipe                  { $$ = AST_MAKE(AST_LIST, @$, NULL, $pipe); }
| list "," pipe         { $$ = ast_append(p, $1, $pipe); }
;

// A pipe; one that is a statement starts with a name, `if` or `for`, so that no expression can.
pipe:
  term
| pipe "->" term        { $$ = ast_pipe(p, @$, $1, $term); }
;
spipe:
  sterm
| spipe "->" term       { $$ = ast_pipe(p, @$, $1, $term); }
;
term:
  arith
| term tail             { $$ = ast_tail(p, @$, $1, $tail); }
| broken
;
sterm:
  sprim
| sterm tail            { $$ = ast_tail(p, @$, $1, $tail); }
| broken
;
tail:
  body
| "as" NAME             { $$ = ast_leaf(p, AST_AS, @$, $NAME); }
| "is" prim             { $$ = AST_MAKE(AST_IS, @$, NULL, $prim); }
| "on" NAME             { $$ = ast_leaf(p, AST_ON, @$, $NAME); }
;
ifs:
  "if" arith body       { $$ = AST_MAKE(AST_IF, @$, NULL, $arith, $body, NULL); }
| "if" arith body[then] "else" body[other]
                        { $$ = AST_MAKE(AST_IF, @$, NULL, $arith, $then, $other); }
| "if" arith body "else" ifs[other]
                        { $$ = AST_MAKE(AST_IF, @$, NULL, $arith, $body, $other); }
;
sprim:
  name                  { $$ = ast_leaf(p, AST_NAME, @$, $name); }
| call
| ifs
| "for" names "in" arith body
                        { $$ = ast_each(p, @$, $names, $arith, $body); }
;
prim:
  NUMBER                { $$ = ast_leaf(p, AST_NUMBER, @$, $NUMBER); }
| DIMS                  { $$ = ast_leaf(p, AST_DIMS, @$, $DIMS); }
| TEXT                  { $$ = ast_leaf(p, AST_TEXT, @$, $TEXT); }
| sprim
| "(" pipe ")"          { $$ = $pipe; }
| "[" list "]"          { $$ = ast_over(p, AST_LIST, @$, NULL, $list); }
| LINE_LIST list "]"    { $$ = ast_over(p, AST_LIST, @$, NULL, $list); }
;
arith:
  prim
| "-" arith %prec SIGN  { $$ = AST_MAKE(AST_UNARY, @$, $1, $2); }
| "not" arith           { $$ = AST_MAKE(AST_UNARY, @$, $1, $2); }
| arith "+" arith       { $$ = AST_MAKE(AST_BINARY, @$, $2, $1, $3); }
| arith "-" arith       { $$ = AST_MAKE(AST_BINARY, @$, $2, $1, $3); }
| arith "*" arith       { $$ = AST_MAKE(AST_BINARY, @$, $2, $1, $3); }
| arith "/" arith       { $$ = AST_MAKE(AST_BINARY, @$, $2, $1, $3); }
| arith "//" arith      { $$ = AST_MAKE(AST_BINARY, @$, $2, $1, $3); }
| arith "%" arith       { $$ = AST_MAKE(AST_BINARY, @$, $2, $1, $3); }
| arith "^" arith       { $$ = AST_MAKE(AST_BINARY, @$, $2, $1, $3); }
| arith "==" arith      { $$ = AST_MAKE(AST_BINARY, @$, $2, $1, $3); }
| arith "!=" arith      { $$ = AST_MAKE(AST_BINARY, @$, $2, $1, $3); }
| arith "<" arith       { $$ = AST_MAKE(AST_BINARY, @$, $2, $1, $3); }
| arith ">" arith       { $$ = AST_MAKE(AST_BINARY, @$, $2, $1, $3); }
| arith "<=" arith      { $$ = AST_MAKE(AST_BINARY, @$, $2, $1, $3); }
| arith ">=" arith      { $$ = AST_MAKE(AST_BINARY, @$, $2, $1, $3); }
| arith "and" arith     { $$ = AST_MAKE(AST_BINARY, @$, $2, $1, $3); }
| arith "or" arith      { $$ = AST_MAKE(AST_BINARY, @$, $2, $1, $3); }
| arith "?" arith ":" arith
                        { $$ = AST_MAKE(AST_CHOICE, @$, NULL, $1, $3, $5); }
;
call:
  name "(" args ")"     { $$ = ast_over(p, AST_CALL, @$, $name, $args); }
| name "[" list "]"     { $$ = ast_over(p, AST_INDEX, @$, $name, $list); }
;
args:
  %empty                { $$ = ast_leaf(p, AST_LIST, @$, NULL); }
| arglist
;
arglist:
  arg                   { $$ = AST_MAKE(AST_LIST, @$, NULL, $arg); }
| arglist "," arg       { $$ = ast_append(p, $1, $arg); }
;
arg:
  pipe
| NAME "=" pipe         { $$ = AST_MAKE(AST_ARG, @$, $NAME, $pipe); }
| "every" "=" pipe      { $$ = AST_MAKE(AST_ARG, @$, $1, $pipe); }
| NAME "in" arith[from] ".." arith[to]
                        { $$ = AST_MAKE(AST_RANGE, @$, $NAME, $from, $to); }
;
name:
  word
| DOTTED
;
word:
  NAME
| "in"
| "data"
| "train"
;
%%
static int yyreport_syntax_error(const yypcontext_t *context, Parse *p)
{
    yysymbol_kind_t symbols[MOST_EXPECTED];
    const char *names[MOST_EXPECTED];
    int count = p->explaining ? yypcontext_expected_tokens(context, symbols, MOST_EXPECTED) : 0;
    for (int i = 0; i < count; i++)
        names[i] = yysymbol_name(symbols[i]);
    parse_error(p, names, count);
    return 0;
}

// Only for a full stack: syntax errors go through the function above.
static void neterror(const Span *at, Parse *p, const char *text)
{
    (void)text;
    parse_overflow(p, *at);
}
