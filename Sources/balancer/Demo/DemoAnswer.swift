import HTTPCore

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

  /// The response to a request, and whether the connection ends with it: no body of a request is read.
  func response(
    to request: RequestHead, _ fields: borrowing FieldTable, of bytes: UnsafeRawBufferPointer
  ) -> (bytes: [UInt8], isLast: Bool) {
    let accepted = fields.value(of: .accept, in: bytes).map { String(decoding: $0, as: UTF8.self).lowercased() }
    let isPage = accepted?.contains("text/html") == true
    let isLast = !request.keepsAlive || !request.framing.isEmpty
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
    return (Array(head.utf8) + (request.method == .head ? [] : body), isLast)
  }

  /// The response to what is no request.
  func refusal(_ fault: MessageFault) -> [UInt8] {
    Array("HTTP/1.1 \(fault.status) No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".utf8)
  }
}
