import Foundation
import TestSupport
import Testing

@Suite("Files that a command cannot use")
struct InputFileTests {
    @Test(
        "Each is named, with what is wrong with it",
        arguments: [
            ("resource put a/b/c nofile --data $D", "nofile cannot be read: it is not there", 2),
            ("resource put a/b/c . --data $D", ". cannot be read: it is a folder", 2),
            (
                "workload add web --measurement 00 --secret-file nofile --data $D",
                "nofile cannot be read: it is not there", 2
            ),
            ("policy set p nofile --data $D", "nofile cannot be read: it is not there", 2),
            ("workload list --url http://127.0.0.1:1 --token-file nofile", "nofile cannot be read: it is not there", 2),
            ("workload list --url https://127.0.0.1:1 --ca nofile", "nofile cannot be read: it is not there", 2),
            ("verify sev --chain nofolder", "nofolder cannot be read: it is not there", 2),
            (
                "demo run nofolder",
                "nofolder/platforms.json cannot be read: it is not there, and neither is the folder nofolder", 2
            ),
            ("demo run folder", "folder/platforms.json is not what `kbs demo prepare` makes", 2),
            ("verify snp --report report --certs nofolder", "nofolder cannot be listed: it is not there", 2),
        ])
    func named(_ line: String, _ sentence: String, _ status: Int32) async throws {
        let shell = try Shell()
        let result = try await shell(
            "mkdir folder; echo x >folder/platforms.json; head -c 1184 /dev/zero >report; $KBS \(line)")
        #expect(result.status == status)
        #expect(result.output.isEmpty)
        #expect(result.errors.hasPrefix("Error: "))
        // Some commands make it a whole path first.
        #expect(result.errors.hasSuffix("\(sentence)\n"))
        #expect(result.errors.split(separator: "\n").count == 1)
        #expect(!FileManager.default.fileExists(atPath: shell.data))
    }

    @Test("A folder of certificates that is not there is said, and no data folder is made")
    func certificates() async throws {
        let shell = try Shell()
        let result = try await shell("$KBS endorsements import nofolder --data $D")
        #expect(result.status == 2)
        #expect(result.output.isEmpty)
        #expect(result.errors.hasPrefix("Error: "))
        #expect(result.errors.contains("nofolder cannot be listed: it is not there"))
        #expect(!FileManager.default.fileExists(atPath: shell.data))
    }

    @Test(
        "A file that holds no certificate is named",
        arguments: [
            "endorsements deny certificate junk --reason x --data $D", "policy test p --report r --certificates junk",
        ])
    func noCertificate(_ line: String) async throws {
        let shell = try Shell()
        let result = try await shell("echo x >junk; $KBS \(line)")
        #expect(result.status == 2 && result.errors.hasPrefix("Error: junk: "), "\(result.errors)")
    }

    @Test("A command that works on a folder alone asks for its name while KBS_URL is set, and makes none")
    func folders() async throws {
        let shell = try Shell()
        for line in [
            "endorsements import .", "endorsements warm --fleet",
            "endorsements fetch --product turin --chip 0102030405060708 --tcb 1.1.1.4.77",
        ] {
            let result = try await shell("KBS_URL=https://kbs.invalid $KBS \(line)")
            #expect(result.status == 64 && result.errors.contains("with --data"), "\(result.errors)")
        }
        let token = try await shell("$KBS token create --role admin")
        #expect(token.status == 2 && token.output.isEmpty && token.errors.contains("kbs-data is not a data folder"))
        #expect(try await shell("ls kbs-data").status != 0)
        #expect(try await shell("$KBS token create --role admin --data $D").status == 0)
    }

    @Test(
        "A mistake on the command line is answered with what to write instead",
        arguments: [
            (
                "serve --set challenge.lifetim=1",
                "There is no setting \"challenge.lifetim\": `kbs settings` lists them all."
            ),
            ("serve --set challenge.lifetime", "It is NAME=VALUE."),
            ("workload list --url https://kbs.invalid/kbs/v0", "has a path: leave /kbs/v0 out"),
            ("guest unlock --url https://kbs.invalid/kbs/v0/ --workload x", "leave /kbs/v0 out"),
            ("resource assign a/b/c --data $D", "or give --none"),
            ("serve --data $D --set guests.listen=127.0.0.1:8080", "both 127.0.0.1:8080"),
        ])
    func mistakes(_ line: String, _ advice: String) async throws {
        let result = try await Shell()("$KBS \(line)")
        #expect(result.status != 0 && result.errors.contains(advice), "\(result.errors)")
    }

    @Test("A resource that exists is not made anew, and the option for its next version is named")
    func existing() async throws {
        let shell = try Shell()
        #expect(try await shell("echo x | $KBS resource put a/b/c --data $D").status == 0)
        for (line, advice) in [("put", "leave out --new"), ("generate", "add --replace")] {
            let again = try await shell(
                "echo x | $KBS resource \(line) a/b/c --data $D \(line == "put" ? "--new" : "")")
            #expect(again.status == 4 && again.errors.contains(advice), "\(again.errors)")
        }
        let none = try await shell("$KBS resource assign a/b/c --none --data $D")
        #expect(none.status == 0 && none.output.contains("Nobody gets"))
    }

    @Test("A token is revoked by itself, too")
    func revoke() async throws {
        let shell = try Shell()
        let revoked = try await shell("$KBS token revoke $($KBS token create --role auditor --data $D) --data $D")
        #expect(revoked.status == 0 && revoked.output.hasPrefix("Revoked "), "\(revoked.errors)")
        #expect(revoked.output.count == "Revoked 0123456789ab.\n".count, "its secret part is not shown")
    }

    @Test("The demonstration trusts the authority that KBS_CA names")
    func demonstration() async throws {
        let shell = try Shell()
        let run = try await shell("$KBS demo prepare h && KBS_CA=nofile $KBS demo run h --url https://127.0.0.1:1")
        #expect(run.status == 2 && run.errors.contains("nofile cannot be read"), "\(run.errors)")
    }

    @Test("Simulated hardware that is there is not replaced")
    func hardware() async throws {
        let shell = try Shell()
        let again = try await shell("$KBS demo prepare h && cp h/roots.json before && $KBS demo prepare h")
        #expect(again.status == 4 && again.errors.contains("name another folder"), "\(again.errors)")
        #expect(try await shell("cmp before h/roots.json").status == 0)
    }

    @Test("A document that is not text, or longer than any, is refused as a whole")
    func documents() async throws {
        let shell = try Shell()
        let binary = try await shell("printf '\\377' >f; $KBS policy set p f --data $D")
        #expect(binary.status == 64)
        #expect(binary.errors.hasPrefix("Error: f is not text in UTF-8.\n"))
        let long = try await shell("head -c 1100000 /dev/zero | tr '\\0' ' ' >f; $KBS policy set p f --data $D")
        #expect(long.status == 2)
        #expect(long.errors.contains("f cannot be read: it is larger than"))
    }
}
