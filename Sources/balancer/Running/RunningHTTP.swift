import Base
import Compression
import Configuration
import HTTPCore
import Routing
import TCPProxy

extension HTTPService.Settings {
  /// - Parameters:
  ///   - addresses: that the listener's clients come to.
  ///   - pools: all of the configuration, by name.
  ///   - files: that the configuration names.
  ///   - former: the listener as it ran before, whose limits go on counting.
  ///   - assembled: the routes, to be the former ones of the next reload.
  init(
    _ listener: ListenerConfiguration, addresses: [SocketAddress], pools: [String: RunningPool], files: NamedFiles,
    former: (ListenerConfiguration, AssembledRoutes?, RateLimit?)?, routes assembled: inout AssembledRoutes?
  ) throws {
    self.init()
    if !listener.routes.isEmpty {
      let former = former.flatMap { former in former.1.map { (former.0, $0) } }
      let routes = try AssembledRoutes(listener, former: former)
      assembled = routes
      self.routes = HTTPRoutes(
        routes.table,
        try routes.routes.map { route in
          HTTPRoutes.Entry(
            route, route.settings.pools.compactMap { pools[$0]?.destination },
            mirror: route.settings.mirror.flatMap { pools[$0]?.destination },
            gate: try files.gate(route.settings.basicFile, realm: listener.name))
        })
    }
    redirectsToTLS = listener.http.redirectHTTPS
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
    compression = try http.compression.map { compression in
      HTTPCompression(try CompressibleTypes(compression.types), minimum: UInt64(compression.minimum.bytes))
    }
    errorPages = files.pages[listener.name] ?? .standard
    if let rate = listener.perClient.requests {
      let settings = RateLimit.Settings(rate)
      requestLimit =
        former?.2?.settings == settings ? former?.2 : RateLimit(settings, seed: .random(in: 0...UInt64.max))
    }
    let ports = Set(addresses.map { if case .ip(_, let port) = $0 { Int(port) } else { -1 } })
    if ports.count == 1, let only = ports.first, only > 0 { port = UInt16(only) }
    request = listener.timeouts.request
    keepAlive = listener.timeouts.keepAlive
    body = listener.timeouts.body
  }
}
