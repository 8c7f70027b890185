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

    // 1: pure: no descriptor, no clock, no random source.
    .target(name: "Base"),
    .target(name: "Configuration", dependencies: ["Base"]),
    .target(name: "Balancing", dependencies: ["Base"]),
    .target(name: "Simulation", dependencies: ["Base", "Balancing"]),
    .target(name: "HTTPCore", dependencies: ["Base"]),
    .target(
      name: "Telemetry",
      dependencies: ["Base", .product(name: "Logging", package: "swift-log")]),

    // 2: the kernel, and OpenSSL.
    .target(name: "Reactor", dependencies: ["Base", "CLinux"]),
    .target(name: "TLS", dependencies: ["Base", "COpenSSL"]),

    // 3: what the program does.
    .target(
      name: "TCPProxy",
      dependencies: ["Base", "Balancing", "Reactor", "TLS", .product(name: "Logging", package: "swift-log")]),
    .target(
      name: "Health",
      dependencies: ["Base", "Balancing", "Reactor", "TLS", .product(name: "Logging", package: "swift-log")]),

    // 4: the program.
    .executableTarget(
      name: "balancer",
      dependencies: [
        "Base", "Configuration", "Balancing", "Simulation", "Telemetry", "Reactor", "TLS", "TCPProxy", "Health",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
      ]),

    .testTarget(name: "BaseTests", dependencies: ["Base"]),
    .testTarget(
      name: "ConfigurationTests", dependencies: ["Configuration", "Base"], exclude: ["Examples"]),
    .testTarget(name: "BalancingTests", dependencies: ["Balancing", "Base"]),
    .testTarget(name: "HTTPCoreTests", dependencies: ["HTTPCore", "Base"], exclude: ["Corpus"]),
    .testTarget(name: "SimulationTests", dependencies: ["Simulation", "Balancing", "Base"]),
    .testTarget(
      name: "TelemetryTests",
      dependencies: ["Telemetry", "Base", .product(name: "Logging", package: "swift-log")]),
    .testTarget(name: "ReactorTests", dependencies: ["Reactor", "Base", "CLinux"]),
    // Certificates made for tests, and a count of OpenSSL's memory.
    .target(name: "TLSFixtures", dependencies: ["TLS", "COpenSSL"], path: "Tests/TLSFixtures"),
    .testTarget(name: "TLSTests", dependencies: ["TLS", "TLSFixtures", "Base", "COpenSSL"]),
    .testTarget(
      name: "TCPProxyTests",
      dependencies: [
        "TCPProxy", "TLS", "TLSFixtures", "Balancing", "Reactor", "Base", "COpenSSL",
        .product(name: "Logging", package: "swift-log"),
      ]),
    .testTarget(
      name: "HealthTests",
      dependencies: [
        "Health", "TLS", "TLSFixtures", "Balancing", "Reactor", "Base", .product(name: "Logging", package: "swift-log"),
      ]),
    .testTarget(name: "EndToEndTests", dependencies: ["balancer"]),
  ],
  swiftLanguageModes: [.v6]
)

// Fuzzers need a main of the sanitizer's, so they are there only when `scripts/fuzz` asks for them.
if Context.environment["FUZZ"] != nil {
  let settings: [SwiftSetting] = [.unsafeFlags(["-parse-as-library"])]
  for (name, dependency) in [
    ("Request", "HTTPCore"), ("Response", "HTTPCore"), ("Chunked", "HTTPCore"), ("Path", "HTTPCore"),
    ("ProxyHeader", "TCPProxy"),
  ] as [(String, Target.Dependency)] {
    package.targets.append(
      .executableTarget(
        name: "Fuzz\(name)", dependencies: [dependency], path: "Tests/Fuzzers/\(name)", swiftSettings: settings))
  }
}
