import Base
import HTTPCore

/// Which route takes a request: of all that match, the first of the file. Compiled once, immutable, and read by all
/// workers.
///
/// A route is filed under its hosts and its path. A request looks where its own host and path may be filed: under its
/// host, each wildcard above it and every host; there under its path, each prefix of whole segments, and no path at all.
/// That is one probe for each label and for each segment of each host found, however many routes there are. What is
/// found that way are lists of routes in the order of the file; whatever else a route wants is looked at then, and a
/// list is left as soon as it comes behind the best match so far. One way for one route and for ten thousand.
public final class RouteTable: @unchecked Sendable {
  public enum Answer: Equatable, Sendable {
    /// The index of the route.
    case route(Int)
    case none
    /// A regular expression of this route took more steps than it may, so that nobody knows whether it matches. To go on
    /// to the next route would let a request past one that refuses it.
    case failed(Int)
  }

  struct HostSlot: BitwiseCopyable {
    var hash: UInt64 = 0
    /// Where the name stands in `text`.
    var start: UInt32 = 0
    /// 0 in a slot that is free.
    var count: UInt32 = 0
    /// 1 and up; 0 is every host.
    var host: UInt32 = 0
    var isWildcard = false
  }

  struct PathSlot: BitwiseCopyable {
    enum Kind: UInt8, BitwiseCopyable { case free, prefix, exact }

    var hash: UInt64 = 0
    var start: UInt32 = 0
    var count: UInt32 = 0
    var host: UInt32 = 0
    var kind = Kind.free
    var routes = List()
  }

  /// A part of `lists`: routes in ascending order.
  struct List: BitwiseCopyable {
    var start: UInt32 = 0
    var count: UInt32 = 0
  }

  /// Number of routes.
  public let count: Int
  let hostSlots: FrozenArray<HostSlot>
  let pathSlots: FrozenArray<PathSlot>
  /// The routes of each host that are filed under no path.
  let pathless: FrozenArray<List>
  let lists: FrozenArray<UInt32>
  let conditions: RouteConditions
  let text: FrozenArray<UInt8>
  /// Nothing longer is filed.
  let longestHost: Int
  let longestPath: Int
  let hasPaths: Bool

  public init(_ routes: [RouteMatch]) throws(RoutePath.Malformed) {
    let builder = try RouteTableBuilder(routes)
    count = routes.count
    hostSlots = FrozenArray(builder.hostSlots)
    pathSlots = FrozenArray(builder.pathSlots)
    pathless = FrozenArray(builder.pathless)
    lists = FrozenArray(builder.lists)
    conditions = RouteConditions(builder.conditions)
    text = FrozenArray(builder.text)
    longestHost = builder.longestHost
    longestPath = builder.longestPath
    hasPaths = builder.hasPaths
  }

  deinit {
    hostSlots.deallocate()
    pathSlots.deallocate()
    pathless.deallocate()
    lists.deallocate()
    conditions.deallocate()
    text.deallocate()
  }

  /// What has been found so far.
  private struct Search {
    var best = UInt32.max
    var isFailed = false
  }

  /// The most labels of a host name, and every host.
  private static let mostHosts = 130

  /// The first route that takes a request.
  public func find(
    _ request: RoutedRequest, fields: borrowing FieldTable, scratch: inout MatchScratch
  ) -> Answer {
    var hosts = InlineArray<130, UInt32>(repeating: 0)
    var hostCount = 1
    findHosts(request.host, &hosts, &hostCount)
    var search = Search()

    if hasPaths, request.path.first == UInt8(ascii: "/") {
      let path = request.path
      var hash = RouteHash.empty
      var position = 0
      let end = min(path.count, longestPath + 1)
      while position < end {
        let byte = path[position]
        if byte == UInt8(ascii: "/") {
          for index in 0..<hostCount {
            let list = probe(path, position, hash, hosts[index], .prefix)
            scan(list, &search, request, fields, &scratch)
          }
        }
        hash = RouteHash.extend(hash, by: byte)
        position += 1
      }
      if position == path.count {
        for index in 0..<hostCount {
          let exact = probe(path, position, hash, hosts[index], .exact)
          scan(exact, &search, request, fields, &scratch)
          let prefix = probe(path, position, hash, hosts[index], .prefix)
          scan(prefix, &search, request, fields, &scratch)
        }
      }
    }
    for index in 0..<hostCount {
      scan(pathless[Int(hosts[index])], &search, request, fields, &scratch)
    }
    if search.best == .max { return .none }
    return search.isFailed ? .failed(Int(search.best)) : .route(Int(search.best))
  }

  @inline(__always)
  private func scan(
    _ list: List, _ search: inout Search, _ request: RoutedRequest, _ fields: borrowing FieldTable,
    _ scratch: inout MatchScratch
  ) {
    var index = Int(list.start)
    let end = index + Int(list.count)
    while index < end {
      let route = lists[index]
      guard route < search.best else { return }
      let verdict = conditions.judge(Int(route), request, fields, &scratch)
      if verdict != .no {
        search.best = route
        search.isFailed = verdict == .unknown
        return
      }
      index += 1
    }
  }

  // MARK: Hosts

  /// Adds the hosts, and the wildcards above them, that `name` is filed under.
  @inline(__always)
  private func findHosts(
    _ name: UnsafeRawBufferPointer, _ hosts: inout InlineArray<130, UInt32>, _ count: inout Int
  ) {
    if name.isEmpty || hostSlots.count == 0 { return }
    if name[0] == UInt8(ascii: "[") {
      findAddress(name, &hosts, &count)
      return
    }
    // `example.com.` is the same host, from the root on.
    let end = name.count > 1 && name[name.count - 1] == UInt8(ascii: ".") ? name.count - 1 : name.count
    var hash = RouteHash.empty
    var index = end
    while index > 0, end - index <= longestHost {
      index -= 1
      let byte = RouteHash.lowercased(name[index])
      if byte == UInt8(ascii: "."), count < Self.mostHosts - 1 {
        let host = probe(name, index + 1, end, hash, isWildcard: true)
        if host > 0 {
          hosts[count] = host
          count += 1
        }
      }
      hash = RouteHash.extend(hash, by: byte)
    }
    guard index == 0 else { return }
    let host = probe(name, 0, end, hash, isWildcard: false)
    if host > 0 {
      hosts[count] = host
      count += 1
    }
  }

  /// An IPv6 address has many forms, of which the shortest is filed (RFC 5952).
  private func findAddress(
    _ name: UnsafeRawBufferPointer, _ hosts: inout InlineArray<130, UInt32>, _ count: inout Int
  ) {
    guard name.count > 2,
      let address = IPAddress(ipv6Text: UnsafeRawBufferPointer(rebasing: name[1..<(name.count - 1)]))
    else { return }
    let host = withUnsafeTemporaryAllocation(byteCount: 64, alignment: 1) { buffer in
      buffer[0] = UInt8(ascii: "[")
      let room = UnsafeMutableRawBufferPointer(rebasing: buffer[1...])
      let length = 1 + address.writeText(to: room, mapped: true)
      buffer[length] = UInt8(ascii: "]")
      let text = UnsafeRawBufferPointer(rebasing: buffer[...length])
      let hash = text.reversed().reduce(RouteHash.empty) { RouteHash.extend($0, by: $1) }
      return probe(text, 0, text.count, hash, isWildcard: false)
    }
    if host > 0 {
      hosts[count] = host
      count += 1
    }
  }

  /// The host of the part of `name` from `start` to `end`, or 0.
  @inline(__always)
  private func probe(
    _ name: UnsafeRawBufferPointer, _ start: Int, _ end: Int, _ hash: UInt64, isWildcard: Bool
  ) -> UInt32 {
    let mask = hostSlots.count - 1
    var index = RouteHash.place(hash, salt: isWildcard ? 1 : 0) & mask
    while true {
      let slot = hostSlots[index]
      if slot.count == 0 { return 0 }
      if slot.hash == hash, slot.isWildcard == isWildcard, Int(slot.count) == end - start {
        let filed = text.bytes(slot.start, slot.count)
        var offset = 0
        while offset < filed.count, filed[offset] == RouteHash.lowercased(name[start + offset]) { offset += 1 }
        if offset == filed.count { return slot.host }
      }
      index = (index + 1) & mask
    }
  }

  // MARK: Paths

  /// The routes of a host that are filed under the first `count` bytes of `path`.
  @inline(__always)
  private func probe(
    _ path: UnsafeRawBufferPointer, _ count: Int, _ hash: UInt64, _ host: UInt32, _ kind: PathSlot.Kind
  ) -> List {
    let mask = pathSlots.count - 1
    var index = RouteHash.place(hash, salt: RouteHash.salt(host, kind)) & mask
    while true {
      let slot = pathSlots[index]
      if slot.kind == .free { return List() }
      if slot.hash == hash, slot.host == host, slot.kind == kind, Int(slot.count) == count {
        let filed = text.bytes(slot.start, slot.count)
        var offset = 0
        while offset < count, filed[offset] == path[offset] { offset += 1 }
        if offset == count { return slot.routes }
      }
      index = (index + 1) & mask
    }
  }
}

/// FNV-1a, which can be asked at every byte: over the bytes of a path from the first on, of a host from the last.
enum RouteHash {
  static let empty: UInt64 = 0xCBF2_9CE4_8422_2325

  @inline(__always)
  static func extend(_ hash: UInt64, by byte: UInt8) -> UInt64 { (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }

  /// The upper half of a product depends on every bit of the hash.
  @inline(__always)
  static func place(_ hash: UInt64, salt: UInt64) -> Int {
    Int(
      truncatingIfNeeded: (hash ^ (salt &* 0xD6E8_FEB8_6659_FD93)).multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15).high)
  }

  @inline(__always)
  static func salt(_ host: UInt32, _ kind: RouteTable.PathSlot.Kind) -> UInt64 {
    UInt64(host) << 2 | UInt64(kind.rawValue)
  }

  @inline(__always)
  static func lowercased(_ byte: UInt8) -> UInt8 { byte &- 0x41 < 26 ? byte | 0x20 : byte }
}
