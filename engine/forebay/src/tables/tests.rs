use super::*;

fn reading(form: Form, key: Option<&str>, value: Option<&str>) -> Reading {
    Reading { form, key: key.map(str::to_owned), value: value.map(str::to_owned) }
}

fn csv(text: &str, key: Option<&str>, value: Option<&str>) -> Result<Table, String> {
    let table = read(text.as_bytes(), &reading(Form::Csv, key, value), TableLimits::default());
    table.map_err(|bad| bad.to_string())
}

fn lines(text: &str, key: Option<&str>, value: Option<&str>) -> Result<Table, String> {
    let reading = reading(Form::JsonLines, key, value);
    read(text.as_bytes(), &reading, TableLimits::default()).map_err(|bad| bad.to_string())
}

fn object(text: &str) -> Result<Table, String> {
    let reading = reading(Form::Json, None, None);
    read(text.as_bytes(), &reading, TableLimits::default()).map_err(|bad| bad.to_string())
}

#[track_caller]
fn has(table: &Table, pairs: &[(&str, &str)]) {
    assert_eq!(table.keys(), pairs.len());
    for (key, value) in pairs {
        let found = table.get(key.as_bytes()).map(|value| String::from_utf8_lossy(value));
        assert_eq!(found.as_deref(), Some(*value), "{key}");
    }
}

#[test]
fn csv_is_read_as_spreadsheets_write_it() {
    let text =
        "\u{feff}code,name,note\r\nDE,Germany,\r\n\r\nFR,\"France, \"\"la\"\"\",\"two\nlines\"\r\n";
    has(&csv(text, None, Some("name")).unwrap(), &[("DE", "Germany"), ("FR", "France, \"la\"")]);
    has(
        &csv(text, Some("name"), Some("code")).unwrap(),
        &[("Germany", "DE"), ("France, \"la\"", "FR")],
    );
    has(
        &csv(text, None, None).unwrap(),
        &[
            ("DE", r#"{"code":"DE","name":"Germany","note":""}"#),
            ("FR", r#"{"code":"FR","name":"France, \"la\"","note":"two\nlines"}"#),
        ],
    );
    has(&csv("k,v", None, Some("v")).unwrap(), &[]);
    has(&csv("k,v\n\"a\",\"\"", None, Some("v")).unwrap(), &[("a", "")]);
}

#[test]
fn what_is_wrong_with_csv_is_told_with_its_line() {
    let told = |text: &str, expected: &str| match csv(text, None, Some("v")) {
        Ok(_) => panic!("{text:?} is taken"),
        Err(told) => assert_eq!(told, expected, "{text:?}"),
    };
    told("", "the first line names the columns");
    told("k,w\n", "line 1: there is no column `v`, but `k`, `w`");
    told("k,v,v\n", "line 1: two columns are named `v`");
    told("k,,v\n", "line 1: a column has no name");
    told("k,v\na,1\nb\n", "line 3: 1 values for 2 columns");
    told("k,v\na,1\n\nb,2,3\n", "line 4: 3 values for 2 columns");
    told("k,v\na,\"1\n2\"\n,3\n", "line 4: the key is empty");
    told("k,v\na,1\nb,2\na,3\n", "line 4: the key `a` is there already");
    told("k,v\na,\"1\n", "line 2: a quote is not closed");
    told("k,v\na,\"1\"x\n", "line 2: something follows a closing quote");
    told(
        "k,v\na,1\"\n",
        "line 2: a quote within a value: put quotes around it and double that one",
    );
    told("k,v\ra,1\r", "line 1: a line ends with CR alone");
    let no_text = read(b"k,v\na,\xff\n", &reading(Form::Csv, None, None), TableLimits::default());
    assert_eq!(no_text.unwrap_err().to_string(), "line 2: it is not UTF-8");
}

#[test]
fn json_is_read_as_an_object_or_as_lines() {
    let table = object("{\"DE\": \"Germany\",\n \"n\": 1.50, \"o\": {\"a\": [1, 2]}}").unwrap();
    has(&table, &[("DE", "Germany"), ("n", "1.50"), ("o", "{\"a\": [1, 2]}")]);
    let text = "{\"id\": 7, \"name\": \"seven\"}\n\n {\"name\": \"a\\nb\", \"id\": \"x\"}\n";
    has(&lines(text, Some("id"), Some("name")).unwrap(), &[("7", "seven"), ("x", "a\nb")]);
    has(
        &lines(text, Some("id"), None).unwrap(),
        &[("7", "{\"id\": 7, \"name\": \"seven\"}"), ("x", "{\"name\": \"a\\nb\", \"id\": \"x\"}")],
    );
    let told = |told: Result<Table, String>, expected: &str| {
        assert_eq!(told.map(|table| table.keys()), Err(expected.to_owned()));
    };
    told(object("{\"a\": 1,\n\"b\": 2,\n\"a\": 3}"), "line 3: the key `a` is there already");
    told(object("{\"a\": 1,\n\"b\" 2}"), "line 2: it is not a JSON object: expected `:`");
    told(object("{\"a\": 1,\n\"\": 2}"), "line 2: the key is empty");
    told(lines("{\"a\": 1}\n", None, None), "say which member is the key");
    told(lines("{\"a\": 1}\n{}\n", Some("a"), None), "line 2: there is no member `a`");
    told(lines("{\"a\": 1}\n", Some("a"), Some("b")), "line 1: there is no member `b`");
    let expected = "line 2: it is not a JSON object: EOF while parsing an object";
    told(lines("{\"a\": 1}\n{\n}", Some("a"), None), expected);
}

#[test]
fn a_table_keeps_to_its_limits() {
    let limits = TableLimits { bytes: 64, keys: 3, value_bytes: 20 };
    let told = |text: &str| {
        let read = read(text.as_bytes(), &reading(Form::Csv, None, Some("v")), limits);
        read.map(|table| table.keys()).map_err(|bad| bad.to_string())
    };
    assert_eq!(told("k,v\na,1\nb,2\nc,3\n"), Ok(3));
    let over = |text: &str| Err(text.to_owned());
    assert_eq!(told("k,v\na,1\nb,2\nc,3\nd,4\n"), over("line 5: a table has 3 keys at most"));
    let value = "v".repeat(20);
    assert_eq!(told(&format!("k,v\na,{value}v\n")), over("line 2: a value has 20 bytes at most"));
    let text = format!("k,v\na,{value}\nb,{value}\nc,{value}\n");
    assert_eq!(told(&text), over("line 4: a table has 64 bytes at most"));
    let key = "k".repeat(1025);
    assert_eq!(told(&format!("k,v\n{key},1\n")), over("line 2: a key has 1024 bytes at most"));
}

fn table(value: &str) -> Arc<Table> {
    Arc::new(Table::pack([(&b"k"[..], value.as_bytes())].into_iter()).unwrap())
}

#[test]
fn a_content_that_was_kept_is_found_again_and_a_spoilt_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let tables = Tables::open(folder.path()).unwrap();
    let kept = tables.keep(table("1")).unwrap();
    let digest = digest_of(&kept);
    assert!(Arc::ptr_eq(&tables.keep(table("1")).unwrap(), &kept), "one content is there once");
    drop(kept);
    let again = Tables::open(folder.path()).unwrap();
    assert_eq!(again.find(&digest).unwrap().get(b"k"), Some(&b"1"[..]));
    let path = again.path(&digest);
    fs::write(&path, table("2").bytes()).unwrap();
    let error = again.find(&digest).unwrap_err().to_string();
    assert!(error.contains("not the table that it is named for"), "{error}");
    again.keep(table("1")).unwrap();
    assert_eq!(Tables::open(folder.path()).unwrap().find(&digest).unwrap().keys(), 1);
    fs::remove_file(&path).unwrap();
    assert!(Tables::open(folder.path()).unwrap().find(&digest).is_err());
}
