/// What a backend of the demo has to say.
struct DemoAnswer {
  private let page: [UInt8]
  private let line: [UInt8]

  init(port: UInt16) {
    line = Array("Hello from the backend on port \(port)\n".utf8)
    // An icon of its own, or browsers ask for one, and the next reload skips a backend.
    page = Array(
      """
      <!doctype html>
      <html lang="en">
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <title>\(port)</title>
      <link rel="icon" href="data:,">
      <style>
        :root { color-scheme: light dark }
        body { display: grid; place-content: center; min-height: 90vh; font-family: sans-serif; text-align: center }
        strong { display: block; font-size: 20vmin }
      </style>
      <h1>Hello from the backend on port <strong>\(port)</strong></h1>
      <p>Reload, and the next one answers.</p>

      """.utf8)
  }

  /// The response to the head of a request, and whether the connection ends with it: behind a head that announces a
  /// body no other head is looked for.
  func response(to head: ArraySlice<UInt8>) -> (bytes: [UInt8], isLast: Bool) {
    let text = String(decoding: head, as: UTF8.self).lowercased()
    let isPage = text.contains("text/html")
    let ends = ["\r\ncontent-length:", "\r\ntransfer-encoding:", "\r\nconnection: close"]
    let isLast = ends.contains { text.contains($0) }
    let body = isPage ? page : line
    let head = """
      HTTP/1.1 200 OK\r
      Content-Type: text/\(isPage ? "html" : "plain"); charset=utf-8\r
      Content-Length: \(body.count)\r
      Cache-Control: no-store\r
      Vary: Accept\r
      Connection: \(isLast ? "close" : "keep-alive")\r
      \r

      """
    return (Array(head.utf8) + (text.hasPrefix("head ") ? [] : body), isLast)
  }
}
