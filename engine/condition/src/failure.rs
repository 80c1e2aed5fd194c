use crate::DEPTH_MAX;
use sqlparser::tokenizer::Location;

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

impl ConditionError {
    pub(crate) fn at(place: Location, reason: impl Into<String>) -> ConditionError {
        // What the parser made up has no place of its own: say the start.
        let (line, column) = (place.line.max(1), place.column.max(1));
        ConditionError { line, column, reason: reason.into(), hint: None }
    }

    pub(crate) fn too_deep(place: Location) -> ConditionError {
        ConditionError::at(place, format!("nested deeper than {DEPTH_MAX} levels"))
    }

    pub(crate) fn hint(self, hint: impl Into<String>) -> ConditionError {
        ConditionError { hint: Some(hint.into()), ..self }
    }

    /// A guess at a name, if there is one.
    pub(crate) fn near(self, near: Option<&str>) -> ConditionError {
        match near {
            Some(near) => self.hint(format!("did you mean `{near}`?")),
            None => self,
        }
    }
}
