import Base
import Configuration
import HTTPCore
import HTTPProxy
import Routing
import TCPProxy

extension HTTPService.Settings {
  /// - Parameters:
  ///   - addresses: that the listener's clients come to.
  ///   - pages: the listener's own.
  ///   - former: what counted its clients' requests before.
  init(
    _ listener: ListenerConfiguration, addresses: [SocketAddress], pages: ErrorPages?, former: RateLimit?
  ) {
    self.init()
    let http = listener.http
    limits = HeadLimits(bytes: http.maxHeader.bytes, fields: http.maxHeaders)
    maxBody = http.maxBody.map { UInt64($0.bytes) } ?? UInt64(Int64.max)
    forwarded =
      switch http.forwarded {
      case .xForwarded: .xForwarded
      case .forwarded: .forwarded
      case .both: [.xForwarded, .forwarded]
      case .off: []
      }
    server =
      switch http.serverHeader {
      case .keep: .keep
      case .remove: .remove
      case .text(let text): .text(Array(text.utf8))
      }
    requestID = http.requestID.map { Array($0.utf8) }
    errorPages = pages ?? .standard
    if let rate = listener.perClient.requests {
      let settings = RateLimit.Settings(rate)
      requestLimit =
        former?.settings == settings ? former : RateLimit(settings, seed: .random(in: 0...UInt64.max))
    }
    let ports = Set(addresses.map { if case .ip(_, let port) = $0 { Int(port) } else { -1 } })
    if ports.count == 1, let only = ports.first, only > 0 { port = UInt16(only) }
    request = listener.timeouts.request
    keepAlive = listener.timeouts.keepAlive
    body = listener.timeouts.body
  }
}
