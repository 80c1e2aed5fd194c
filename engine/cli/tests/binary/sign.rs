use crate::run::Folder;

#[test]
fn a_signature_is_what_the_provider_would_send() {
    let folder = Folder::new();
    // The worked example of GitHub's documentation.
    let github = ["sign", "--scheme", "github", "--secret", "It's a Secret to Everybody"];
    let told = "x-hub-signature-256: \
                sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17\n";
    let body = ["--body", "Hello, World!"];
    folder.run(&[&github[..], &body[..]].concat()).expect(0, told);
    folder.run_with(&github, b"Hello, World!").expect(0, told);
    folder.write("body", "Hello, World!");
    folder.run(&[&github[..], &["--body", "@body"][..]].concat()).expect(0, told);
    // The worked example of the Standard Webhooks libraries.
    let standard = [
        "sign",
        "--scheme",
        "standard-webhooks",
        "--secret",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "--id",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "--at",
        "1614265330",
        "--body",
        r#"{"test": 2432232314}"#,
        "--json",
    ];
    let headers: serde_json::Value = serde_json::from_str(&folder.run(&standard).out).unwrap();
    let expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    assert_eq!(headers["webhook-signature"], expected);
    assert_eq!(headers["webhook-timestamp"], "1614265330");
}

#[test]
fn every_scheme_verifies_what_it_signs() {
    let folder = Folder::new();
    folder.write("body", "{\"a\": 1}\n");
    let schemes = folder.run(&["sign", "--list"]).out;
    let mut tried = 0;
    for scheme in schemes.lines() {
        let secret = ["--secret-env", "SECRET", "--url", "https://in.example.com/x"];
        let given = ["--scheme", scheme, "--body", "@body"];
        let signed = folder.run(&[&["sign"][..], &given, &secret].concat());
        // Schemes whose secret has a form of its own cannot be tried with this one.
        if signed.code != 0 {
            assert_eq!(signed.code, 2, "{scheme}: {}", signed.err);
            continue;
        }
        tried += 1;
        let verify = [&["verify"][..], &given, &secret, &["-H", &signed.out]].concat();
        if scheme != "none" {
            folder.run(&verify).expect(0, "valid\n");
            folder.write("other", "{\"a\": 2}\n");
            let other: Vec<&str> =
                verify.iter().map(|a| if *a == "@body" { "@other" } else { a }).collect();
            let refused = folder.run(&other);
            let is_token = signed.out.contains("whsec_");
            assert!(is_token || refused.code == 1, "{scheme}: {}", refused.out);
        }
    }
    assert!(tried > 20, "only {tried} of\n{schemes}");
}

#[test]
fn a_wrong_signature_is_told_and_why() {
    let folder = Folder::new();
    let verify = ["verify", "--scheme", "github", "--secret-env", "SECRET", "--body", "x"];
    let with = |more: &[&str]| folder.run(&[&verify[..], more].concat());
    with(&[]).expect(1, "").says("a header that the scheme needs is missing");
    let wrong = format!("X-Hub-Signature-256: sha256={}", "0".repeat(64));
    with(&["-H", &wrong]).expect(1, "").says("no signature matches");
    let told = "{\"reason\":\"mismatch\",\"valid\":false}\n";
    with(&["-H", &wrong, "--json"]).expect(1, told);
    with(&["-H", "nonsense"]).expect(2, "").says("write it as `Name: value`");
}

#[test]
fn an_hmac_of_ones_own_is_described_by_flags() {
    let folder = Folder::new();
    let own = [
        "--scheme",
        "hmac",
        "--header",
        "X-Sig",
        "--algorithm",
        "sha512",
        "--encoding",
        "base64",
        "--signed",
        "{timestamp}.{body}",
        "--timestamp-header",
        "X-Time",
        "--secret-env",
        "SECRET",
        "--body",
        "hello",
        "--at",
        "1700000000",
    ];
    let signed = folder.run(&[&["sign"][..], &own].concat());
    assert!(signed.out.starts_with("x-time: 1700000000\nx-sig: "), "{}", signed.out);
    folder.run(&[&["verify"][..], &own, &["-H", &signed.out]].concat()).expect(0, "valid\n");
    let bad = ["sign", "--scheme", "hmac", "--signed", "{timestamp}", "--secret-env", "SECRET"];
    folder.run(&bad).expect(2, "").says("does not contain {body}");
    let misplaced = ["sign", "--scheme", "github", "--header", "x", "--secret-env", "SECRET"];
    folder.run(&misplaced).expect(2, "").says("for --scheme hmac alone");
}

#[test]
fn secrets_that_protect_nothing_are_usage() {
    let folder = Folder::new();
    let sign = ["sign", "--scheme", "standard-webhooks", "--body", "x"];
    let with = |more: &[&str]| folder.run(&[&sign[..], more].concat());
    with(&[]).expect(2, "").says("give a secret");
    with(&["--secret", "whsec_"]).expect(2, "").says("the secret is empty");
    with(&["--secret-env", "NO_SUCH"]).expect(2, "").says("NO_SUCH is not set");
    with(&["--secret-file", "no"]).expect(2, "").says("no: ");
    let unknown = ["sign", "--scheme", "gihub", "--secret-env", "SECRET", "--body", "x"];
    folder.run(&unknown).expect(2, "").says("unknown scheme \"gihub\"");
}

#[test]
fn a_new_secret_can_sign() {
    let folder = Folder::new();
    let secret = folder.run(&["sign", "--new-secret"]).out;
    assert_ne!(secret, folder.run(&["sign", "--new-secret"]).out);
    folder.write("secret", &secret);
    let sign = ["sign", "--scheme", "standard-webhooks", "--secret-file", "secret", "--body", "x"];
    assert_eq!(folder.run(&sign).code, 0);
}
