import Base
import Configuration
import Foundation
import Testing

/// What is said of TLS in one place and holds in another.
@Suite struct TLSConfigurationTests {
  private static let example = Example.good.first { $0.name == "tls" }!

  private func pool(_ name: String) throws -> PoolConfiguration {
    try #require(try read(Self.example.bytes).pools.first { $0.name == name })
  }

  @Test func certificatesComeAsPairsAFolderOrBoth() throws {
    let listeners = try read(Self.example.bytes).listeners.map { try! #require($0.tls) }
    #expect(listeners.map(\.certificates.folder) == ["/etc/balancer/tls", "/srv/tls", "/etc/balancer/tls"])
    #expect(listeners.map(\.certificates.pairs.count) == [0, 0, 2])
    #expect(listeners[2].certificates.pairs.map(\.key) == [nil, "/etc/balancer/second.key"])
    #expect(listeners[2].ciphers == ["ECDHE-RSA-AES128-GCM-SHA256", "TLS_AES_128_GCM_SHA256"])
    #expect(listeners[2].clientCA == ["/etc/balancer/ca.pem"])
    #expect(
      listeners[2].files.map(\.key) == [
        "certificates[0].certificate", "certificates[1].certificate", "certificates[1].key", "folder", "clientCA[0]",
        "ticketKeys[0]",
      ])
  }

  @Test func aBackendSaysWhatDiffersFromItsPool() throws {
    let mixed = try pool("mixed")
    let tls = mixed.backends.map { mixed.tls(of: $0) }
    #expect(tls[0]?.ca == ["/etc/balancer/ca.pem"] && tls[0]?.alpn == ["h2"])
    #expect(tls[1]?.ca == ["/etc/balancer/one.pem", "/etc/balancer/two.pem"] && tls[1]?.alpn == [])
    #expect(tls[1]?.certificate == "/etc/balancer/client.pem" && tls[1]?.key == "/etc/balancer/client.key")
    #expect(tls[2] == nil)
    #expect(tls[3]?.serverName == "d.example")
    // Another certificate brings its own key: here it is in the same file.
    #expect(tls[4]?.certificate == "/etc/balancer/e.pem" && tls[4]?.key == nil)
    #expect(tls.allSatisfy { $0?.verifies ?? true })

    let off = try pool("off")
    #expect(off.tls(of: off.backends[0]) == nil)
    #expect(off.tls(of: off.backends[1]) == BackendTLSConfiguration())
  }

  @Test func aCheckDoesAsTheSessionsDoUnlessItSaysOtherwise() throws {
    let mixed = try pool("mixed")
    #expect(mixed.backends.allSatisfy { mixed.healthTLS(of: $0) == nil })
    let defaults = try pool("defaults")
    #expect(defaults.healthTLS(of: defaults.backends[0]) == nil)
    #expect(defaults.tls(of: defaults.backends[0]) == BackendTLSConfiguration())
    // What the defaults say of all checks holds where the pool says nothing.
    let off = try pool("off")
    #expect(off.healthTLS(of: off.backends[1])?.minVersion == .tls13)
    // A check of this type always does.
    let plain = try pool("plain")
    #expect(plain.tls(of: plain.backends[0]) == nil)
    #expect(plain.healthTLS(of: plain.backends[0])?.serverName == "192.0.2.1")
    #expect(plain.healthTLS(of: plain.backends[0])?.minVersion == .tls13)
  }

  @Test func placesAreKnownWithinArrays() throws {
    let configuration = try read(Self.example.bytes)
    let places = configuration.places
    #expect(
      places.description(of: "listeners.both.tls.certificates[1].key")
        == "balancer.json:11:96: warning: listeners.both.tls.certificates[1].key")
    #expect(
      places.description(of: "pools.mixed.backends[4].tls.certificate")
        == "balancer.json:30:63: warning: pools.mixed.backends[4].tls.certificate")
  }

  @Test func changesAreToldKeyByKey() throws {
    let old = try read(Self.example.text)
    let new = try read(Self.example.text.replacingOccurrences(of: "\"first.pem\"", with: "\"other.pem\""))
    #expect(
      ConfigurationDiff(from: old, to: new).lines == [
        "~ listener both: tls.certificates[0].certificate /etc/balancer/first.pem → /etc/balancer/other.pem"
      ])
  }

  @Test func whatIsHardlyMeantIsWarnedOf() throws {
    let text = """
      {
        "listeners": {
          "web": {
            "listen": ":1", "pool": "web",
            "tls": { "folder": "a", "clientCA": "ca.pem", "minVersion": "1.3", "ciphers": ["AES128-SHA"] }
          }
        },
        "pools": {
          "web": {
            "backends": ["h:1", { "address": "g:1", "tls": { "verify": false } }],
            "tls": { "verify": false }
          }
        }
      }
      """
    let believed = "whoever answers under a backend's address is believed, and may read and change everything"
    let warnings = ConfigurationAdvice(try read(text), workers: 1, descriptors: 65_536).warnings.map(\.description)
    #expect(
      warnings == [
        "balancer.json:5:43: warning: listeners.web.tls.clientCA: clients are not asked for a certificate: clientAuth is off",
        "balancer.json:5:74: warning: listeners.web.tls.ciphers: AES128-SHA is of TLS 1.2, which minVersion keeps out",
        "balancer.json:10:54: warning: pools.web.backends[1].tls: \"g:1\" is not verified: \(believed)",
        "balancer.json:11:16: warning: pools.web.tls.verify: \(believed)",
      ])
  }
}
