//! Every way to write an address that may not be called, and what else leads to one. A listener counts who comes.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;
use crate::address::{Allowance, NotAllowed, Reach};

/// Hosts on this machine.
const LOOPBACK: &str = "127.0.0.1 127.0.1 127.1 127.0.0.1. 127.8.9.10 127.255.255.254 2130706433 0x7f000001 0x7F.0.0.1 0x7f.1 \
    0177.0.0.1 0177.1 017700000001 0177.0x0.0.01 127.0x1 %31%32%37.0.0.1 １２７.０.０.１ 127。0。0。1 ①②⑦.0.0.1 [::1] \
    [0:0:0:0:0:0:0:1] [::0001] [::ffff:127.0.0.1] [::ffff:7f00:1] [0:0:0:0:0:FFFF:7F00:0001]";

/// Hosts in private networks.
const PRIVATE: &str = "10.0.0.1 10.255.255.255 10.1 0xa000001 012.0.0.1 167772161 172.16.0.1 172.31.255.255 0xac.0x10.1 \
    192.168.0.1 192.168.257 3232235521 0300.0250.0.1 100.64.0.1 100.127.255.254 [::ffff:10.0.0.1] \
    [::ffff:c0a8:1] [fc00::1] [fdff:ffff::1]";

/// Hosts that are never called: what a cloud tells its machines; what is nobody's, or everybody's; and those of IPv6 that
/// hide one of IPv4 (the old way, NAT64, 6to4, Teredo, ISATAP).
const RESERVED: &str = "169.254.169.254 2852039166 0xa9fea9fe 0251.0376.0251.0376 169.254.43518 169.254.170.2 \
    [::ffff:169.254.169.254] [::ffff:a9fe:a9fe] [fd00:ec2::254] [fd20:ce::254] 100.100.100.200 192.0.0.192 \
    168.63.129.16 [fe80::a9fe:a9fe] 0.0.0.0 0 0x0 0.1.2.3 [::] 192.0.0.1 192.0.2.1 192.88.99.1 198.18.0.1 \
    198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255 [fe80::1] [febf::1] \
    [fec0::1] [ff02::1] [ff0e::1] [100::1] [2001:db8::1] [2001:2::1] [3fff::1] [5f00::1] [4000::1] \
    [::127.0.0.1] [::7f00:1] [::8.8.8.8] [64:ff9b::7f00:1] [64:ff9b::169.254.169.254] [64:ff9b::10.0.0.1] \
    [64:ff9b:1::7f00:1] [64:ff9b:1::8.8.8.8] [2002:7f00:1::] [2002:a9fe:a9fe::1] [2002:808:808::1] \
    [2001:0:7f00:1::] [2001::80ff:fffe] [2620:fe::5efe:7f00:1] [2620:fe::200:5efe:a00:1]";

/// Answers as a test says, one answer a question, the last one again and again; and counts the questions.
#[derive(Default)]
struct Names(Mutex<HashMap<String, Vec<Vec<IpAddr>>>>);

impl Names {
    fn of(names: &[(&str, &[&str])]) -> Arc<Self> {
        let answer = |answer: &&str| answer.split(' ').map(|ip| ip.parse().unwrap()).collect();
        let named = |(name, answers): &(&str, &[&str])| ((*name).to_owned(), answers.iter().map(answer).collect());
        Arc::new(Self(Mutex::new(names.iter().map(named).collect())))
    }
}

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let mut names = self.0.lock().unwrap();
        let answers = names.get_mut(name.as_str()).unwrap();
        let answer = if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() };
        Box::pin(async move { Ok(Box::new(answer.into_iter().map(|ip| SocketAddr::new(ip, 0))) as Addrs) })
    }
}

/// A server on this machine that counts its connections, and answers each with `answer` and its end.
async fn listener(answer: &'static str) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let (port, came) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
    let count = came.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (port, came)
}

const DONE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";

async fn post(caller: &TargetClient, url: &str) -> Result<Answered, CallError> {
    caller.post(&url.parse().unwrap(), [], b"{}".to_vec(), Duration::from_secs(20)).await
}

fn refusal(answered: Result<Answered, CallError>) -> Option<NotAllowed> {
    match answered {
        Err(CallError::NotAllowed(why)) => Some(why),
        _ => None,
    }
}

#[tokio::test]
async fn an_address_that_may_not_be_called_is_not_connected_to_however_it_is_written() {
    let (port, came) = listener(DONE).await;
    let all = [(LOOPBACK, Reach::Loopback), (PRIVATE, Reach::Private), (RESERVED, Reach::Reserved)];
    assert!(all.iter().map(|(hosts, _)| hosts.split(' ').count()).sum::<usize>() >= 60);
    for allowance in [Allowance::PublicHttps, Allowance::Loopback, Allowance::Private] {
        let caller = TargetClient::new(allowance, None).unwrap();
        let most = match allowance {
            Allowance::PublicHttps => Reach::Public,
            Allowance::Loopback => Reach::Loopback,
            Allowance::Private => Reach::Private,
        };
        for (hosts, reach) in all.iter().filter(|(_, reach)| *reach > most) {
            for host in hosts.split(' ') {
                let said = refusal(post(&caller, &format!("https://{host}:{port}/")).await);
                assert_eq!(said, Some(NotAllowed::Address(*reach)), "{host} for {allowance:?}");
            }
        }
    }
    assert_eq!(came.load(Ordering::SeqCst), 0);
    // One that may be called comes, so that the count means something.
    post(&TargetClient::new(Allowance::Loopback, None).unwrap(), &format!("http://0x7f.1:{port}/")).await.unwrap();
    assert_eq!(came.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_name_that_leads_where_nobody_may_go_is_not_connected_to() {
    let (port, came) = listener(DONE).await;
    let inward = "127.0.0.1|::1|10.0.0.1|192.168.1.1|100.64.0.1|169.254.169.254|::ffff:127.0.0.1|64:ff9b::7f00:1|2002:7f00:1::|fd00:ec2::254|0.0.0.0|::|127.0.0.1 ::1 10.0.0.1";
    for answer in inward.split('|') {
        let names = Names::of(&[("inward.example", &[answer])]);
        let caller = TargetClient::resolving(Allowance::PublicHttps, None, names).unwrap();
        let said = refusal(post(&caller, &format!("https://inward.example:{port}/")).await);
        assert!(matches!(said, Some(NotAllowed::Address(_))), "{answer}: {said:?}");
    }
    // As the operating system resolves it.
    let caller = TargetClient::new(Allowance::PublicHttps, None).unwrap();
    for name in ["localhost", "LOCALHOST"] {
        let said = refusal(post(&caller, &format!("https://{name}:{port}/")).await);
        assert_eq!(said, Some(NotAllowed::Address(Reach::Loopback)), "{name}");
    }
    assert_eq!(came.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_name_is_judged_at_every_connection() {
    let (port, came) = listener(DONE).await;
    let names = Names::of(&[("turns.example", &["127.0.0.1", "169.254.169.254", "10.0.0.1", "127.0.0.1"])]);
    let caller = TargetClient::resolving(Allowance::Loopback, None, names).unwrap();
    let mut answers = Vec::new();
    for _ in 0..4 {
        let answered = post(&caller, &format!("http://turns.example:{port}/")).await;
        answers.push(if answered.is_ok() { None } else { refusal(answered) });
    }
    let refused = [Reach::Reserved, Reach::Private].map(|reach| Some(NotAllowed::Address(reach)));
    assert_eq!(answers, [None, refused[0], refused[1], None]);
    assert_eq!(came.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn of_several_addresses_those_that_may_be_called_are() {
    let (port, came) = listener(DONE).await;
    let names = Names::of(&[("both.example", &["169.254.169.254 127.0.0.1 10.0.0.1"])]);
    let caller = TargetClient::resolving(Allowance::Loopback, None, names).unwrap();
    post(&caller, &format!("http://both.example:{port}/")).await.unwrap();
    assert_eq!(came.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_leads_nowhere() {
    let (elsewhere, other) = listener(DONE).await;
    for status in ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"] {
        let answer =
            format!("HTTP/1.1 {status}\r\nlocation: http://127.0.0.1:{elsewhere}/\r\ncontent-length: 0\r\n\r\n");
        let (port, came) = listener(answer.leak()).await;
        let caller = TargetClient::new(Allowance::Loopback, None).unwrap();
        let answered = post(&caller, &format!("http://127.0.0.1:{port}/?key=s3cret")).await.unwrap();
        assert!(status.starts_with(answered.status.as_str()), "{status}: {}", answered.status);
        let client = client(Duration::from_secs(20)).unwrap();
        let answered = client.post(format!("http://127.0.0.1:{port}/?key=s3cret")).send().await.unwrap();
        assert!(status.starts_with(answered.status().as_str()), "{status}: {}", answered.status());
        assert_eq!(came.load(Ordering::SeqCst), 2, "{status}");
    }
    assert_eq!(other.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn this_server_is_not_called_by_its_name_either() {
    let (port, came) = listener(DONE).await;
    let names = || Names::of(&[("me.example", &["127.0.0.1"])]);
    let ours = |port| Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let caller = TargetClient::resolving(Allowance::Private, ours(port), names()).unwrap();
    for host in ["127.0.0.1", "me.example", "[::ffff:127.0.0.1]"] {
        let said = refusal(post(&caller, &format!("http://{host}:{port}/")).await);
        assert_eq!(said, Some(NotAllowed::Ourselves), "{host}");
    }
    assert_eq!(came.load(Ordering::SeqCst), 0);
    let beside = TargetClient::resolving(Allowance::Private, ours(port ^ 1), names()).unwrap();
    post(&beside, &format!("http://me.example:{port}/")).await.unwrap();
}

#[tokio::test]
async fn an_answer_is_read_as_far_as_it_may_be_long() {
    for (bytes, read, is_cut) in [(256 * 1024, 256 * 1024, false), (256 * 1024 + 1, 256 * 1024, true)] {
        let answer = format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{}", "x".repeat(bytes));
        let (port, _) = listener(answer.leak()).await;
        let caller = TargetClient::new(Allowance::Loopback, None).unwrap();
        let answered = post(&caller, &format!("http://127.0.0.1:{port}/")).await.unwrap();
        assert_eq!((answered.body.len(), answered.is_cut), (read, is_cut));
    }
}

#[tokio::test]
async fn why_there_is_no_answer_says_no_url() {
    let caller = TargetClient::new(Allowance::Loopback, None).unwrap();
    // Nobody listens there.
    let error = post(&caller, "http://127.0.0.1:9/s3cret?key=s3cret").await.unwrap_err();
    assert!(matches!(error, CallError::Unanswered(_)) && !error.to_string().contains("s3cret"), "{error}");
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap()).parse().unwrap();
    let error = caller.post(&url, [], Vec::new(), Duration::from_secs(1)).await.unwrap_err();
    assert_eq!(error.to_string(), "no answer within 1 s");
}
