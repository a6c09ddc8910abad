//! A real HTTP server that answers one request as it is told, for the tests of whoever calls others.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// What the server does with a request.
pub(crate) enum Reply {
    /// Sends these bytes.
    Bytes(String),
    /// Keeps it waiting.
    Never,
}

/// A whole answer.
pub(crate) fn http(status: &str, headers: &str, body: &str) -> Reply {
    let length = body.len();
    Reply::Bytes(format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n{body}"))
}

/// Where it listens; once asked, what it was sent and, while that waits, its connection.
pub(crate) async fn serve(reply: Reply) -> (SocketAddr, JoinHandle<(String, Option<TcpStream>)>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let request = request(&mut stream).await;
        match reply {
            Reply::Bytes(bytes) => stream.write_all(bytes.as_bytes()).await.unwrap(),
            Reply::Never => return (request, Some(stream)),
        }
        (request, None)
    });
    (address, server)
}

/// The JSON that a request carries.
pub(crate) fn body_of(request: &str) -> serde_json::Value {
    serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap()
}

/// Reads one request, head and body.
async fn request(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    loop {
        let mut buffer = [0; 4096];
        let n = stream.read(&mut buffer).await.unwrap();
        assert!(n > 0, "the request breaks off: {}", String::from_utf8_lossy(&read));
        read.extend_from_slice(&buffer[..n]);
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length =
                head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return text;
            }
        }
    }
}
