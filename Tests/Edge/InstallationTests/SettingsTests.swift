import Broker
import Bytes
import Evidence
import Foundation
import HTTP
import Installation
import TLS
import TestSupport
import Testing

@Suite("Settings")
struct SettingsTests {
    private func file(_ text: String) throws -> (TemporaryFolder, URL) {
        let folder = try TemporaryFolder()
        let file = folder.file("kbs.toml")
        try Data(text.utf8).write(to: file)
        return (folder, file)
    }

    @Test("Flags go before the environment, and it before the file")
    func precedence() throws {
        let (folder, file) = try file(
            """
            listen = "127.0.0.1:1"
            [challenge]
            lifetime = "1m"
            [session]
            lifetime = "1h"
            [registration]
            networks = ["10.0.0.0/8", "::1"]
            replace = false
            [snp]
            vmpl = 2
            minimum_tcb.milan = "03.00.20.209"
            products = ["milan", "Turin"]
            csp_ids = ["CN=cloud.example"]
            minimum_mitigations = "0x5"
            minimum_at_launch = false
            [sev]
            enabled = false
            products = "rome"
            """)
        let (settings, unknown) = try Settings.resolve(
            flags: [.listen: "127.0.0.1:3"],
            environment: [
                "KBS_LISTEN": "127.0.0.1:2", "KBS_CHALLENGE_LIFETIME": "2m", "KBS_TYPO": "x", "HOME": "/",
                "KBS_CONFIG": "y",
            ], file: file)
        #expect(settings.listen.port == 3)
        #expect(settings.lifetimes.challenge == 120)
        #expect(settings.lifetimes.session == 3_600)
        #expect(settings.registrationNetworks?.description == "10.0.0.0/8, ::1")
        #expect(!settings.replacesWorkloads)
        #expect(settings.policy.snp.vmpl == 2)
        #expect(settings.policy.snp.minimumTCB[.milan] == TCBVersion(bootLoader: 3, tee: 0, snp: 20, microcode: 209))
        #expect(settings.policy.snp.products == [.milan, .turin] && settings.policy.snp.cspIDs == ["CN=cloud.example"])
        #expect(settings.policy.snp.minimumMitigations == 5 && !settings.policy.snp.holdsMinimumAtLaunch)
        #expect(!settings.policy.allowsSEV && settings.policy.sevProducts == ["rome"])
        #expect(unknown == ["KBS_TYPO"])
        _ = folder
    }

    @Test("What is assumed of other verifiers' guests is said for each, and mistakes are refused")
    func assumptions() throws {
        func resolve(_ text: String) throws -> Settings {
            try Settings.resolve(flags: [.tokenTrustedAssume: text], environment: [:], file: nil).settings
        }
        let found = try resolve("https://a=vmpl:1+product:Genoa, https://b=cxl:off+firmware:committed")
            .guestComponents.trustedAssumptions
        #expect(found["https://a"]?.vmpl == 1 && found["https://a"]?.product == .genoa)
        #expect(found["https://a"]?.forbidsCXL == false && found["https://a"]?.hasCommittedFirmware == false)
        #expect(found["https://b"]?.forbidsCXL == true && found["https://b"]?.hasCommittedFirmware == true)
        for text in ["https://a", "https://a=vmpl:4", "https://a=vmpl", "https://a=cxl:on", "https://a=product:Rome"] {
            #expect(throws: InvalidSetting.self) { try resolve(text) }
        }
    }

    @Test("The defaults need no file and are safe")
    func defaults() throws {
        let settings = try Settings.resolve(flags: [:], environment: [:], file: nil).settings
        #expect(settings.listen.description == "127.0.0.1:8080")
        #expect(settings.registrationNetworks == nil && settings.listen.isLoopback)
        #expect(!settings.policy.snp.allowsDebug && !settings.policy.allowsSEVDebug)
        #expect(!settings.policy.snp.allowsProvisionalFirmware && settings.policy.snp.vmpl == 0)
        #expect(settings.simulatedRoots == nil)
        #expect(settings.lifetimes.challenge == 300 && settings.lifetimes.session == 10_800)
    }

    @Test(
        "An unknown key, a wrong value and bad TOML are errors that name the place",
        arguments: [
            ("lisen = \"127.0.0.1:1\"", "lisen"), ("[snp]\nallow_debugging = true", "snp.allow_debugging"),
            ("listen = \"8080\"", "listen"), ("listen = \"::1:8080\"", "listen"),
            ("listen = \"127.0.0.1:99999\"", "listen"),
            ("listen = ", "line 1"), ("[challenge]\nlifetime = 0", "challenge.lifetime"),
            ("[challenge]\nlifetime = \"-5s\"", "challenge.lifetime"),
            ("[challenge]\nlifetime = 1.5", "challenge.lifetime"),
            ("[challenge]\nlifetime = \"2d\"", "challenge.lifetime"), ("[snp]\nvmpl = 4", "snp.vmpl"),
            ("[snp]\nallow_debug = \"yes\"", "snp.allow_debug"),
            ("[snp]\nminimum_tcb.turin = \"1.2.3.4\"", "minimum_tcb.turin"),
            ("[snp]\nminimum_tcb.genoa = \"1.2.3.256\"", "minimum_tcb.genoa"),
            ("[snp]\nproducts = \"naples\"", "some of milan, genoa, turin"), ("[snp]\nproducts = \"\"", "snp.products"),
            ("[snp]\nminimum_mitigations = 3", "bits in hex"), ("[sev]\nproducts = \"turin\"", "sev.products"),
            ("[jwt]\noperator_keys = \"/etc/kbs/a.pub\"", "FILE=ROLE"),
            ("[jwt]\noperator_keys = \"/etc/kbs/a.pub=root\"", "FILE=ROLE"),
            ("[registration]\nnetworks = \"10.0.0.0/33\"", "10.0.0.0/33"),
            ("[registration]\nnetworks = \"localhost\"", "localhost"),
            ("[endorsements]\nkds = \"ftp://x\"", "endorsements.kds"),
            ("[endorsements]\nfolder = \"/no/such/folder\"", "endorsements.folder"),
            ("[session]\nlifetime = \"1m\"", "session.lifetime"), ("[log]\nlevel = \"loud\"", "log.level"),
            ("trust_simulated_root = \"x\"", "trust_simulated_root"), ("[log]\nformat = \"xml\"", "log.format"),
            ("[log]\nlevels = \"kbs.http\"", "log.levels"), ("[log.levels]\n\"kbs.nothing\" = \"info\"", "kbs.nothing"),
            ("[log.levels]\n\"kbs.http\" = \"loud\"", "loud"), ("[http]\ndrain_delay = \"-1s\"", "http.drain_delay"),
            ("[http]\ndrain_delay = \"2h\"", "http.drain_delay"),
            ("[metrics]\nnetworks = \"everyone\"", "everyone"),
        ])
    func errors(text: String, names: String) throws {
        let (folder, file) = try file(text)
        let error = #expect(throws: InvalidSetting.self) {
            try Settings.resolve(flags: [:], environment: [:], file: file)
        }
        #expect(error?.description.contains(names) == true, "\(String(describing: error))")
        _ = folder
    }

    @Test("A file that is not there is an error")
    func missingFile() {
        #expect(throws: InvalidSetting.self) {
            try Settings.resolve(flags: [:], environment: [:], file: URL(filePath: "/no/such/file.toml"))
        }
    }

    @Test("Every setting has its own name in the environment and on the command line")
    func names() {
        #expect(Set(SettingKey.allCases.map(\.environmentName)).count == SettingKey.allCases.count)
        #expect(SettingKey.challengeLifetime.environmentName == "KBS_CHALLENGE_LIFETIME")
        #expect(SettingKey.snpMinimumTCBMilan.flagName == "--snp-minimum-tcb-milan")
    }

    @Test("A network holds its addresses and no others")
    func networks() throws {
        let list = try NetworkList(
            "192.0.2.0/24, 2001:db8::/33, 198.51.100.7, 0.0.0.0/0".replacing(", 0.0.0.0/0", with: ""))
        func holds(_ address: String) throws -> Bool { list.contains(IPAddress(address)) }
        for inside in [
            "192.0.2.0", "192.0.2.255", "2001:db8::1", "2001:db8:7fff::", "198.51.100.7", "::ffff:192.0.2.9",
        ] {
            #expect(try holds(inside), "\(inside)")
        }
        for outside in ["192.0.3.0", "192.0.1.255", "2001:db8:8000::", "198.51.100.6", "::1", "::192.0.2.9"] {
            #expect(try !holds(outside), "\(outside)")
        }
        #expect(!list.contains(nil))
        #expect(try !NetworkList("").contains(IPAddress("127.0.0.1")))
        #expect(try NetworkList("0.0.0.0/0").contains(IPAddress("203.0.113.1")))
    }
}

@Suite("Settings of TLS and limits")
struct TransportSettingsTests {
    @Test(
        "A value that makes no sense is an error that names the setting",
        arguments: [
            "limits.requests_per_second=-1", "limits.requests_per_second=1.5", "limits.burst=0",
            "limits.connections=0", "limits.connections_per_address=0", "limits.waiting_attestations=0",
            "limits.bodies=16777215",
            "limits.body=4095", "limits.body=16777217", "limits.body=64k", "http.header_timeout=0",
            "http.body_timeout=0s", "http.write_timeout=2h", "tls.minimum_version=1.1", "tls.minimum_version=1",
            "insecure_http=maybe",
        ])
    func wrong(assignment: String) throws {
        let parts = assignment.split(separator: "=").map(String.init)
        let key = try #require(SettingKey.named(parts[0]))
        let error = #expect(throws: InvalidSetting.self) {
            try Settings.resolve(flags: [key: parts[1]], environment: [:], file: nil)
        }
        #expect(error?.description.contains(parts[0]) == true)
    }

    @Test("The documented defaults are those that hold")
    func defaults() throws {
        var settings = Settings()
        let expected = settings
        for key in SettingKey.allCases
        where ["tls.", "limits.", "http.", "insecure"].contains(where: { key.name.hasPrefix($0) }) {
            try key.apply(key.defaultText, to: &settings)
        }
        #expect(settings.tls == expected.tls && settings.limits == expected.limits)
        #expect(settings.idleTimeout == expected.idleTimeout && settings.stopTimeout == expected.stopTimeout)
        #expect(!settings.tls.allowsInsecureHTTP)
    }

    @Test("A setting that has no default takes an empty text for none, as the example has it")
    func none() throws {
        var settings = Settings()
        for key in SettingKey.allCases where key.defaultText.isEmpty && key != .registrationNetworks {
            #expect(throws: Never.self, "\(key.name)") { try key.apply("", to: &settings) }
        }
        #expect(settings.policy.snp.minimumTCB.isEmpty && settings.endorsementsFolder == nil)
        #expect(SettingsReference.exampleFile.contains("but for registration.networks"))
    }

    @Test("TLS from the environment and the file")
    func sources() throws {
        let folder = try TemporaryFolder()
        let file = folder.file("kbs.toml")
        try Data("[tls]\ncertificate = \"c.pem\"\nkey = \"k.pem\"\nminimum_version = \"1.3\"\n".utf8).write(to: file)
        let settings = try Settings.resolve(flags: [:], environment: ["KBS_TLS_KEY": "other.pem"], file: file).settings
        #expect(settings.tls.certificate?.lastPathComponent == "c.pem")
        #expect(settings.tls.key?.lastPathComponent == "other.pem")
        #expect(settings.tls.minimumVersion == .tlsv13)
    }
}
