/** The language in which snapshots are searched. What the keys mean says QueryLanguage. */
grammar QueryGrammar;

query
    : SPACE? (term (SPACE term)*)? SPACE? EOF
    ;

term
    : WORD EQUALS value # criterion
    | (QUOTED | WORD)   # text
    ;

// A tag may contain an equals sign.
value
    : QUOTED
    | (WORD | EQUALS)+
    ;

EQUALS
    : '='
    ;

QUOTED
    : '"' ('\\' ["\\] | ~["\\])* '"'
    ;

WORD
    : ~[ \t\r\n="]+
    ;

SPACE
    : [ \t\r\n]+
    ;
