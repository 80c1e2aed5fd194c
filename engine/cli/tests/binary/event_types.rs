use crate::resources::Place;

#[test]
fn an_event_type_has_its_schema_from_a_file_and_payloads_are_checked() {
    let place = Place::new();
    let write = |name: &str, text: &str| std::fs::write(place.folder.path().join(name), text);
    write("schema.json", r#"{"required":["n"],"properties":{"n":{"type":"integer"}}}"#).unwrap();
    write("good.json", r#"{"n":1}"#).unwrap();
    write("bad.json", r#"{"n":"one"}"#).unwrap();
    place.out("event-type create --name order.paid --description d --schema @schema.json");
    place.out("send --type order.paid --data @bad.json");
    place.out("event-type update order.paid --enforce 1");
    assert_eq!(place.json("event-type get order.paid")["enforcedSchema"], "1");
    place.run("event-type check order.paid good.json").expect(0, "").says("version 1");
    let bad = place.run("event-type check order.paid bad.json");
    assert!(bad.code == 1 && bad.out.starts_with("/n: "), "{}", bad.out);
    place.run("send --type order.paid --data @bad.json").expect(1, "").says("at /n");
    place.out("send --type order.paid --data @good.json");
    place.run("event-type update order.paid --enforce 2").expect(1, "").says("no version `2`");
    place.run("event-type check other good.json").expect(1, "").says("no such event type");
}
