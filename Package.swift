// swift-tools-version: 6.2
import PackageDescription

// The layers, from the bottom up; ARCHITECTURE.md says what each may import and scripts/check proves it.
let package = Package(
  name: "balancer",
  products: [
    .executable(name: "balancer", targets: ["balancer"])
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
  ],
  targets: [
    // 0: C wrappers without logic.
    .target(name: "CLinux"),
    .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev", "pkg-config"])]),
    .systemLibrary(name: "CSodium", pkgConfig: "libsodium", providers: [.apt(["libsodium-dev", "pkg-config"])]),
    .systemLibrary(name: "CPCRE2", pkgConfig: "libpcre2-8", providers: [.apt(["libpcre2-dev", "pkg-config"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev", "pkg-config"])]),
    .systemLibrary(name: "CBrotli", pkgConfig: "libbrotlienc", providers: [.apt(["libbrotli-dev", "pkg-config"])]),
    .systemLibrary(name: "CCrypt", pkgConfig: "libcrypt", providers: [.apt(["libcrypt-dev", "pkg-config"])]),

    // 1: pure: no descriptor, no clock, no random source.
    .target(name: "Base"),
    .target(name: "Configuration", dependencies: ["Base"]),
    .target(name: "Balancing", dependencies: ["Base"]),
    .target(name: "Simulation", dependencies: ["Base", "Balancing"]),
    .target(name: "HTTPCore", dependencies: ["Base"]),
    .target(
      name: "Telemetry",
      dependencies: ["Base", .product(name: "Logging", package: "swift-log")]),

    // 2: the kernel, and the libraries of the system.
    .target(name: "Reactor", dependencies: ["Base", "CLinux"]),
    .target(name: "TLS", dependencies: ["Base", "COpenSSL", "CSodium"]),
    .target(name: "Routing", dependencies: ["Base", "HTTPCore", "CPCRE2"]),
    .target(name: "Compression", dependencies: ["Base", "CZlib", "CBrotli"]),
    .target(name: "Console", dependencies: ["Base", "Configuration", "Telemetry"]),

    // 3: what the program does.
    .target(name: "Authentication", dependencies: ["Base", "Reactor", "TLS", "CCrypt"]),
    .target(name: "AdminClient", dependencies: ["Base", "HTTPCore", "Reactor"]),
    .target(name: "AccessLog", dependencies: ["Base", "Reactor"]),
    .target(name: "HTTPProxy", dependencies: ["Base", "TLS"]),
    .target(
      name: "TCPProxy",
      dependencies: [
        "Base", "Balancing", "HTTPCore", "HTTPProxy", "Routing", "Compression", "Authentication", "AccessLog",
        "Reactor", "TLS",
        .product(name: "Logging", package: "swift-log"),
      ]),
    .target(
      name: "Health",
      dependencies: [
        "Base", "Balancing", "HTTPCore", "Reactor", "TLS", .product(name: "Logging", package: "swift-log"),
      ]),
    .target(
      name: "Admin", dependencies: ["Base", "HTTPCore", "Telemetry", "Reactor"],
      resources: [
        .embedInCode("Dashboard/index.html"), .embedInCode("Dashboard/dashboard.css"),
        .embedInCode("Dashboard/dashboard.js"),
      ]),

    // 4: the program.
    .executableTarget(
      name: "balancer",
      dependencies: [
        "Base", "Configuration", "Balancing", "Simulation", "Telemetry", "Reactor", "TLS", "TCPProxy", "Health",
        "HTTPCore", "HTTPProxy", "Routing", "AccessLog", "Compression", "Authentication", "Admin", "AdminClient",
        "Console",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
      ]),

    .testTarget(name: "BaseTests", dependencies: ["Base"]),
    .testTarget(
      name: "ConfigurationTests", dependencies: ["Configuration", "Base", "Routing"], exclude: ["Examples"]),
    .testTarget(name: "BalancingTests", dependencies: ["Balancing", "Base"]),
    .testTarget(name: "HTTPCoreTests", dependencies: ["HTTPCore", "Base"], exclude: ["Corpus"]),
    .testTarget(name: "SimulationTests", dependencies: ["Simulation", "Balancing", "Base"]),
    .testTarget(
      name: "TelemetryTests",
      dependencies: ["Telemetry", "Base", .product(name: "Logging", package: "swift-log")]),
    .testTarget(name: "ReactorTests", dependencies: ["Reactor", "Base", "CLinux"]),
    // Certificates made for tests, and a count of OpenSSL's memory.
    .target(name: "COpenSSLMemory", dependencies: ["COpenSSL"], path: "Tests/COpenSSLMemory"),
    .target(name: "TLSFixtures", dependencies: ["TLS", "COpenSSL", "COpenSSLMemory"], path: "Tests/TLSFixtures"),
    .testTarget(name: "TLSTests", dependencies: ["TLS", "TLSFixtures", "Base", "COpenSSL"]),
    .testTarget(
      name: "TCPProxyTests",
      dependencies: [
        "TCPProxy", "TLS", "TLSFixtures", "Balancing", "Reactor", "Base", "COpenSSL", "HTTPCore", "HTTPProxy",
        "Routing",
        "AccessLog", "Compression", "Authentication", "CZlib",
        .product(name: "Logging", package: "swift-log"),
      ]),
    .testTarget(name: "RoutingTests", dependencies: ["Routing", "HTTPCore", "Base"]),
    .testTarget(
      name: "HealthTests",
      dependencies: [
        "Health", "TLS", "TLSFixtures", "Balancing", "Reactor", "Base", .product(name: "Logging", package: "swift-log"),
      ]),
    .testTarget(name: "CompressionTests", dependencies: ["Compression", "Base", "CZlib", "CBrotli"]),
    .testTarget(
      name: "AuthenticationTests", dependencies: ["Authentication", "Reactor", "TLS", "Base"]),
    .testTarget(name: "AccessLogTests", dependencies: ["AccessLog", "Reactor", "Base"]),
    .testTarget(name: "AdminClientTests", dependencies: ["AdminClient", "HTTPCore", "Reactor", "Base"]),
    .testTarget(name: "ConsoleTests", dependencies: ["Console", "Base"]),
    .testTarget(name: "AdminTests", dependencies: ["Admin", "HTTPCore", "Telemetry", "Reactor", "Base"]),
    .testTarget(name: "HTTPProxyTests", dependencies: ["HTTPProxy", "TLS", "Base"]),
    .testTarget(name: "EndToEndTests", dependencies: ["balancer"]),
  ],
  swiftLanguageModes: [.v6]
)

// Fuzzers need a main of the sanitizer's, so they are there only when `scripts/fuzz` asks for them.
if Context.environment["FUZZ"] != nil {
  let settings: [SwiftSetting] = [.unsafeFlags(["-parse-as-library"])]
  for (name, dependencies) in [
    ("Request", ["HTTPCore"]), ("Response", ["HTTPCore"]), ("Chunked", ["HTTPCore"]), ("Path", ["HTTPCore"]),
    ("Routes", ["Routing", "HTTPCore", "Base"]), ("ProxyHeader", ["TCPProxy"]),
  ] as [(String, [Target.Dependency])] {
    package.targets.append(
      .executableTarget(
        name: "Fuzz\(name)", dependencies: dependencies, path: "Tests/Fuzzers/\(name)", swiftSettings: settings))
  }
}
