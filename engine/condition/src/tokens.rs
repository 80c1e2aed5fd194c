use crate::{ConditionError, DEPTH_MAX, SOURCE_BYTES_MAX};
use sqlparser::dialect::Dialect;
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};

/// Bounds the depth of what the parser makes of a chain of operators, which it nests.
const TOKENS_MAX: usize = 2048;

/// The words that are not names.
const KEYWORDS: [Keyword; 12] = [
    Keyword::AND,
    Keyword::BETWEEN,
    Keyword::ESCAPE,
    Keyword::FALSE,
    Keyword::ILIKE,
    Keyword::IN,
    Keyword::IS,
    Keyword::LIKE,
    Keyword::NOT,
    Keyword::NULL,
    Keyword::OR,
    Keyword::TRUE,
];

/// SQL with nothing of any vendor.
#[derive(Debug)]
pub(crate) struct Plain;

impl Dialect for Plain {
    fn is_identifier_start(&self, c: char) -> bool {
        c.is_alphabetic() || c == '_'
    }

    fn is_identifier_part(&self, c: char) -> bool {
        c.is_alphanumeric() || c == '_'
    }
}

/// The text as the few kinds of tokens that a condition is made of. Every other word that SQL
/// gives a meaning to is made a plain name, so the parser can stray into nothing else.
pub(crate) fn tokens(text: &str) -> Result<Vec<TokenWithSpan>, ConditionError> {
    let start = Location { line: 1, column: 1 };
    if text.len() > SOURCE_BYTES_MAX {
        let reason = format!("longer than {SOURCE_BYTES_MAX} bytes");
        return Err(ConditionError::at(start, reason));
    }
    let tokens = Tokenizer::new(&Plain, text).tokenize_with_location();
    let mut tokens = tokens.map_err(|e| ConditionError::at(e.location, e.message))?;
    tokens.retain(|token| !matches!(token.token, Token::Whitespace(_)));
    if tokens.is_empty() {
        return Err(ConditionError::at(start, "an expression is needed"));
    }
    if tokens.len() > TOKENS_MAX {
        let reason = format!("more than {TOKENS_MAX} words and signs");
        return Err(ConditionError::at(tokens[TOKENS_MAX].span.start, reason));
    }
    let mut is_member = false;
    for token in &mut tokens {
        check(token, is_member)?;
        if let Token::Word(word) = &mut token.token
            && (is_member || !KEYWORDS.contains(&word.keyword))
        {
            word.keyword = Keyword::NoKeyword;
        }
        is_member = token.token == Token::Period;
    }
    check_brackets(&tokens)?;
    check_operands(&tokens)?;
    Ok(tokens)
}

fn check(token: &TokenWithSpan, is_member: bool) -> Result<(), ConditionError> {
    let refuse = |reason: String| Err(ConditionError::at(token.span.start, reason));
    match &token.token {
        Token::Word(_) => Ok(()),
        other if is_member => refuse(format!("a member's name is needed after `.`, not `{other}`"))
            .map_err(|error| error.hint("write data['odd name'], data.items[0]")),
        Token::Number(_, false) | Token::SingleQuotedString(_) => Ok(()),
        Token::Eq | Token::Neq | Token::Lt | Token::LtEq | Token::Gt | Token::GtEq => Ok(()),
        Token::LParen | Token::RParen | Token::LBracket | Token::RBracket => Ok(()),
        Token::Comma | Token::Period | Token::Minus => Ok(()),
        Token::DoubleEq => {
            refuse("`==` is not an operator here".into()).map_err(|e| e.hint("write `=`"))
        }
        Token::Ampersand | Token::Overlap => {
            refuse("no such operator".into()).map_err(|e| e.hint("write `AND`"))
        }
        Token::Pipe | Token::StringConcat => {
            refuse("no such operator".into()).map_err(|e| e.hint("write `OR`"))
        }
        other => refuse(format!("`{other}` has no meaning in a condition")),
    }
}

/// After an operator, and at the start, comes a value.
fn check_operands(tokens: &[TokenWithSpan]) -> Result<(), ConditionError> {
    let mut is_due = true;
    let mut is_name = false;
    let mut nots = 0;
    for token in tokens {
        // Past its own limit the parser would take a NOT for a name.
        nots = if keyword(&token.token) == Some(Keyword::NOT) { nots + 1 } else { 0 };
        if nots > DEPTH_MAX {
            return Err(ConditionError::too_deep(token.span.start));
        }
        // A call may be empty as far as this goes: its function says how much it takes.
        let is_call = is_name && token.token == Token::LParen;
        if is_due && !begins_operand(&token.token) {
            let reason = format!("a value is missing before `{}`", token.token);
            return Err(ConditionError::at(token.span.start, reason));
        }
        is_due = needs_operand(&token.token) && !is_call;
        is_name = matches!(&token.token, Token::Word(w) if w.keyword == Keyword::NoKeyword);
    }
    match tokens.last() {
        Some(last) if is_due || keyword(&last.token) == Some(Keyword::NOT) => {
            Err(ConditionError::at(last.span.end, "the expression is unfinished"))
        }
        _ => Ok(()),
    }
}

fn keyword(token: &Token) -> Option<Keyword> {
    match token {
        Token::Word(word) => Some(word.keyword),
        _ => None,
    }
}

fn begins_operand(token: &Token) -> bool {
    match token {
        Token::Word(word) => matches!(
            word.keyword,
            Keyword::NoKeyword | Keyword::NOT | Keyword::TRUE | Keyword::FALSE | Keyword::NULL
        ),
        Token::Number(..) | Token::SingleQuotedString(_) => true,
        Token::LParen | Token::Minus => true,
        _ => false,
    }
}

fn needs_operand(token: &Token) -> bool {
    match token {
        Token::Word(word) => matches!(
            word.keyword,
            Keyword::AND
                | Keyword::OR
                | Keyword::IN
                | Keyword::LIKE
                | Keyword::ILIKE
                | Keyword::BETWEEN
                | Keyword::ESCAPE
        ),
        Token::Eq | Token::Neq | Token::Lt | Token::LtEq | Token::Gt | Token::GtEq => true,
        Token::LParen | Token::LBracket | Token::Comma | Token::Minus => true,
        _ => false,
    }
}

/// Brackets are what people most often get wrong, and the parser says it least well.
fn check_brackets(tokens: &[TokenWithSpan]) -> Result<(), ConditionError> {
    let mut open: Vec<&TokenWithSpan> = Vec::new();
    for token in tokens {
        let wanted = match token.token {
            Token::LParen | Token::LBracket => {
                open.push(token);
                continue;
            }
            Token::RParen => Token::LParen,
            Token::RBracket => Token::LBracket,
            _ => continue,
        };
        if open.pop().is_none_or(|opened| opened.token != wanted) {
            let reason = format!("`{}` closes nothing", token.token);
            return Err(ConditionError::at(token.span.start, reason));
        }
    }
    match open.last() {
        Some(opened) => {
            let reason = format!("`{}` is never closed", opened.token);
            Err(ConditionError::at(opened.span.start, reason))
        }
        None => Ok(()),
    }
}
