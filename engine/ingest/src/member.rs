use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// Members of a JSON body that are looked for, each by the names that lead to it.
#[derive(Debug, Default)]
pub(crate) struct Paths(Vec<Vec<Box<str>>>);

/// The text of each member that was found and is a string, a number or a boolean.
pub(crate) type Found = Vec<Option<String>>;

impl Paths {
    /// `event.type`; the result is its slot in what is found.
    pub fn add(&mut self, path: &str) -> usize {
        self.0.push(path.split('.').map(Box::from).collect());
        self.0.len() - 1
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads the body once and keeps nothing else of it. What is not JSON has no members; of a
    /// name that is repeated the last counts, as it does to most that read JSON.
    pub fn find(&self, body: &[u8]) -> Found {
        let mut found = vec![None; self.0.len()];
        let wanted = self.0.iter().enumerate().map(|(slot, path)| (slot, &path[..])).collect();
        let mut reader = serde_json::Deserializer::from_slice(body);
        let read = Member { wanted, found: &mut found }.deserialize(&mut reader);
        if read.and_then(|()| reader.end()).is_err() {
            found.fill(None);
        }
        found
    }
}

/// Whether these bytes are one JSON value. Any depth is read without recursion.
pub(crate) fn is_json(body: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(body).is_ok()
}

/// One value, and what of it is wanted: itself where no names are left, else what they lead to.
struct Member<'p, 'f> {
    wanted: Vec<(usize, &'p [Box<str>])>,
    found: &'f mut Found,
}

impl Member<'_, '_> {
    fn is(self, text: impl ToString) {
        for (slot, path) in self.wanted {
            if path.is_empty() {
                self.found[slot] = Some(text.to_string());
            }
        }
    }
}

impl<'de> DeserializeSeed<'de> for Member<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Member<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.is(value);
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.is(value);
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.is(value);
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.is(value);
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.is(value);
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(wanted) = map.next_key_seed(Name(&self.wanted))? {
            if wanted.is_empty() {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            wanted.iter().for_each(|(slot, _)| self.found[*slot] = None);
            map.next_value_seed(Member { wanted, found: &mut *self.found })?;
        }
        Ok(())
    }
}

/// A member's name, read only to see which of the wanted it leads to.
struct Name<'p, 'w>(&'w [(usize, &'p [Box<str>])]);

impl<'de, 'p> DeserializeSeed<'de> for Name<'p, '_> {
    type Value = Vec<(usize, &'p [Box<str>])>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de, 'p> Visitor<'de> for Name<'p, '_> {
    type Value = Vec<(usize, &'p [Box<str>])>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        let leads = |(slot, path): &(usize, &'p [Box<str>])| match path.split_first() {
            Some((first, rest)) if **first == *name => Some((*slot, rest)),
            _ => None,
        };
        Ok(self.0.iter().filter_map(leads).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(paths: &[&str], body: &str) -> Vec<Option<String>> {
        let mut wanted = Paths::default();
        for path in paths {
            wanted.add(path);
        }
        wanted.find(body.as_bytes())
    }

    #[test]
    fn members_are_found_in_one_reading() {
        let body = r#"{"a":{"b":"x","c":[1,{"b":2}]},"n":-7,"big":18446744073709551615,"t":true,
            "nil":null,"o":{},"esc":"\u00e9\n","a.b":"dotted"}"#;
        let paths = ["a.b", "n", "big", "t", "nil", "o", "esc", "a", "a.b.c", "none", "a.c"];
        let expected = ["x", "-7", "18446744073709551615", "true", "", "", "é\n"];
        let found = find(&paths, body);
        for (n, text) in expected.iter().enumerate() {
            assert_eq!(found[n].as_deref().unwrap_or(""), *text, "{}", paths[n]);
        }
        assert_eq!(found[7..], [const { None }; 4]);
    }

    #[test]
    fn of_repeated_names_the_last_counts() {
        assert_eq!(find(&["a"], r#"{"a":1,"a":2}"#), [Some("2".to_owned())]);
        assert_eq!(find(&["a", "a.b"], r#"{"a":1,"a":{"b":2}}"#), [None, Some("2".to_owned())]);
        assert_eq!(find(&["a.b"], r#"{"a":{"b":2},"a":{}}"#), [None]);
    }

    #[test]
    fn what_is_not_json_has_no_members() {
        for body in
            ["", "x", "{", r#"{"a":1"#, r#"{"a":1}}"#, r#"{"a":1,}"#, "[1]", "\"a\"", "1e999"]
        {
            assert_eq!(find(&["a"], body), [None], "{body}");
        }
    }

    #[test]
    fn depth_is_no_way_to_the_stack() {
        let deep = |open: &str, close: &str| open.repeat(200_000) + "1" + &close.repeat(200_000);
        assert!(is_json(deep("[", "]").as_bytes()));
        assert!(is_json(deep(r#"{"a":"#, "}").as_bytes()));
        let body = format!(r#"{{"b":{},"a":"x"}}"#, deep("[", "]"));
        assert_eq!(find(&["a"], &body), [Some("x".to_owned())]);
        assert_eq!(find(&["a.a.a"], &deep(r#"{"a":"#, "}")), [None]);
    }
}
