/// Why an expression was refused, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {reason}{}", hint_text(.hint))]
pub struct ConditionError {
    /// From 1.
    pub line: u64,
    /// From 1, in characters.
    pub column: u64,
    pub reason: String,
    /// What to write instead, where that can be guessed.
    pub hint: Option<String>,
}

fn hint_text(hint: &Option<String>) -> String {
    hint.as_ref().map_or(String::new(), |hint| format!("; {hint}"))
}
