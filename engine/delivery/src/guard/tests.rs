use super::*;

fn verdict(guard: &Guard, url: &str) -> Result<(), Refusal> {
    Address::parse(url).and_then(|address| guard.vet(&address))
}

fn strict() -> Guard {
    Guard::new(GuardOptions::default())
}

#[test]
fn no_address_of_a_special_network_is_let_through() {
    let v4 = "127.0.0.1 127.255.255.254 0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 172.16.0.1 \
        172.31.255.255 192.168.0.1 169.254.169.254 169.254.0.1 100.64.0.1 100.127.255.255 \
        100.100.100.200 192.0.0.1 192.0.0.192 192.0.2.1 198.18.0.1 198.19.255.255 198.51.100.7 \
        203.0.113.9 192.88.99.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 \
        168.63.129.16 169.254.170.2";
    let v6 = ":: ::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::127.0.0.1 \
        ::8.8.8.8 ::ffff:0:127.0.0.1 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::1 2002:7f00:1:: \
        2002:808:808:: 2001::1 2001:0:7f00:1:: fe80::1 febf::1 fec0::1 fc00::1 fdff::1 \
        fd00:ec2::254 ff02::1 100::1 2001:db8::1 3fff::1 5f00::1 4000::1 8000::1 1::1";
    for ip in v4.split_whitespace() {
        assert!(verdict(&strict(), &format!("http://{ip}/")).is_err(), "{ip}");
    }
    for ip in v6.split_whitespace() {
        assert!(verdict(&strict(), &format!("https://[{ip}]/")).is_err(), "{ip}");
    }
}

#[test]
fn public_addresses_are_let_through() {
    let urls = "http://8.8.8.8/ https://1.1.1.1:8443/ http://172.15.0.1/ http://172.32.0.1/ \
        http://100.63.255.255/ http://100.128.0.1/ http://[2606:4700::1111]/ http://223.255.255.1/ \
        http://[64:ff9b::808:808]/ http://[2a00:1450::1]:8080/ http://example.com/x?y=z";
    for url in urls.split_whitespace() {
        assert_eq!(verdict(&strict(), url), Ok(()), "{url}");
    }
}

#[test]
fn no_spelling_hides_an_address() {
    let urls = [
        "http://2130706433/",
        "http://0x7f.1/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://0/",
        "http://①②⑦.0.0.1/",
        "http://%31%32%37.0.0.1/",
        "http://127.0.0.1#@ok.example/",
        "http://127.0.0.1\\@ok.example/",
        "http:127.0.0.1/",
        "http:\\\\127.0.0.1\\",
        " http://127.0.0.1/",
        "HTTP://127.0.0.1/",
        "http://127.0.0.1./",
        "http://127。0。0。1/",
        "http://[::ffff:7f00:1]/",
        "http://[0:0:0:0:0:ffff:127.0.0.1]/",
    ];
    for url in urls {
        let refusal = verdict(&strict(), url).expect_err(url);
        let is_named = ["loopback", "this network"].iter().any(|r| refusal.rule.starts_with(r));
        assert!(is_named, "{url}: {refusal:?}");
    }
}

#[test]
fn urls_that_http_should_not_carry_are_refused() {
    let long = format!("https://example.com/{}", "a".repeat(2048));
    let long_when_sent = format!("https://example.com/{}", "①".repeat(300));
    let urls = [
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "javascript:alert(1)",
        "example.com",
        "http://",
        "http://ok@example.com/",
        "http://u:p@example.com/",
        "http://ok@127.0.0.1/",
        "http://exa\tmple.com/",
        "http://example.com/\r\nx: y",
        "http://example.com/\0",
        "http://[fe80::1%25eth0]/",
        "http://exa mple.com/",
        &long,
        &long_when_sent,
    ];
    for url in urls {
        assert!(verdict(&strict(), url).is_err(), "{url}");
    }
    for port in [0, 22, 25, 53, 445, 3306, 5432, 6379, 6667, 11211, 27017] {
        let refusal = verdict(&strict(), &format!("http://example.com:{port}/")).unwrap_err();
        assert!(refusal.rule.contains(&format!("port {port} ")) && refusal.allow.is_empty());
    }
}

#[test]
fn https_can_be_required() {
    let options = GuardOptions { require_https: true, ..GuardOptions::default() };
    let guard = Guard::new(options);
    assert_eq!(verdict(&guard, "https://example.com/"), Ok(()));
    let refusal = verdict(&guard, "http://example.com/").unwrap_err();
    assert_eq!(&*refusal.allow, r#"[server] require_https = "none""#);
}

#[test]
fn a_refusal_names_rule_and_line_and_the_line_allows() {
    let urls = ["http://127.0.0.9/", "http://10.1.2.3/", "http://[fd12::1]/", "http://[4000::7]/"];
    for url in urls {
        let refusal = verdict(&strict(), url).unwrap_err();
        let network = refusal.allow.split('"').nth(1).unwrap().parse().unwrap();
        let options = GuardOptions { allow_networks: vec![network], ..Default::default() };
        assert_eq!(verdict(&Guard::new(options), url), Ok(()), "{url}");
    }
    let refusal = verdict(&strict(), "http://127.0.0.9/").unwrap_err();
    assert_eq!(&*refusal.rule, "loopback (127.0.0.0/8)");
    assert_eq!(&*refusal.allow, r#"[delivery] allow_networks = ["127.0.0.0/8"]"#);
}

#[test]
fn metadata_services_need_an_entry_of_their_own() {
    let allowing = |networks: &[&str]| {
        let allow_networks = networks.iter().map(|n| n.parse().unwrap()).collect();
        Guard::new(GuardOptions { allow_networks, ..Default::default() })
    };
    let url = "http://169.254.169.254/latest/meta-data";
    assert!(verdict(&allowing(&["0.0.0.0/0", "169.254.0.0/16", "::/0"]), url).is_err());
    assert_eq!(verdict(&allowing(&["169.254.169.254/32"]), url), Ok(()));
    assert!(verdict(&allowing(&["::/0"]), "http://[fd00:ec2::254]/").is_err());
}

#[test]
fn development_reaches_this_machine_but_not_itself() {
    let own = vec!["0.0.0.0:8080".parse().unwrap(), "127.0.0.1:9000".parse().unwrap()];
    let guard = Guard::new(GuardOptions { allow_loopback: true, own, ..Default::default() });
    for url in ["http://127.0.0.1:3000/", "http://[::1]:3000/", "http://[::ffff:127.0.0.1]:1234/"] {
        assert_eq!(verdict(&guard, url), Ok(()), "{url}");
    }
    let own = ["http://127.0.0.1:8080/", "http://[::1]:8080/", "http://127.0.0.1:9000/"];
    for url in own.iter().chain(&["http://10.0.0.1/", "http://0.0.0.0:9000/"]) {
        assert!(verdict(&guard, url).is_err(), "{url}");
    }
}
