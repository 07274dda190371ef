import Broker
import BrokerSupport
import Bytes
import Evidence
import EvidenceSupport
import Foundation
@testable import Installation
import TestSupport
import Testing

@testable import Server

@Suite("What the trail says of a start")
struct StartRecordTests {
    @Test("A run with dangerous settings does not look like any other; A11")
    func dangerous() async throws {
        try await RunningServer.run {
            $0.policy.allowsSample = true
            $0.policy.snp.allowsDebug = true
            $0.guestComponents.trustedIssuers = [("https://as.example.org", "/keys")]
            $0.guestComponents.trustedAudience = "kbs"
        } _: { server in
            let folder = try await DataFolder(server.settings.dataFolder)
            let start = try #require(try await folder.store.trail().first { $0["action"] == "server.start" })
            #expect(start["switches"] == "trust-simulated-root allow-sample insecure_admin snp.allow_debug")
            #expect(start["trusted_issuers"] == "https://as.example.org")
            #expect(start["simulated_roots"]?.isEmpty == false && start["version"]?.isEmpty == false)
            #expect(start["settings"]?.utf8.count == 64)
            #expect(server.log.lines.contains { $0.hasPrefix("warning Any SEV-SNP firmware will do") })
            try await folder.store.close()
        }
    }

    @Test("An ordinary one names no switches, and its digest changes with each setting that decides")
    func digest() throws {
        func settings(_ flags: [SettingKey: String]) throws -> Settings {
            try Settings.resolve(flags: flags, environment: [:], file: nil).settings
        }
        let usual = try settings([:])
        let record = AuditRecord.start(usual, at: Date())
        #expect(record.details["switches"] == nil && record.details["simulated_roots"] == nil)
        #expect(
            record.details["settings"] == (try settings([.listen: "127.0.0.1:9", .logLevel: "debug"])).decidingDigest)
        for change: [SettingKey: String] in [
            [.sessionLifetime: "1h"], [.snpAllowDebug: "true"], [.registrationNetworks: ""], [.insecureAdmin: "true"],
            [.tokenTrusted: "https://as.example.org=/keys", .tokenTrustedAudience: "kbs"],
        ] {
            #expect(try settings(change).decidingDigest != usual.decidingDigest, "\(change)")
        }
    }
}
