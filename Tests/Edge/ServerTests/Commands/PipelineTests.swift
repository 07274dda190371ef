import Broker
import BrokerSupport
import Bytes
import Evidence
import EvidenceSupport
import Foundation
import Installation
import SimulatedHardware
import TestSupport
import Testing

@Suite("docs/pipeline.md, as it stands there")
struct PipelineTests {
    /// The fenced blocks of a language, in their order.
    private func blocks(_ language: String) throws -> [String] {
        let page = try String(contentsOf: Project.root.appending(path: "docs/pipeline.md"), encoding: .utf8)
        return page.components(separatedBy: "```\(language)\n").dropFirst().compactMap {
            $0.components(separatedBy: "\n```").first
        }
    }

    private func run(_ script: String, in folder: TemporaryFolder, _ variables: [String: String]) async throws
        -> ProgramResult
    {
        let path = "\(Command.binary.deletingLastPathComponent().path):/usr/bin:/bin"
        return try await ProgramResult.of(
            "bash", ["-euc", "cd '\(folder.url.path)'\n\(script)"],
            environment: variables.merging(["PATH": path]) { $1 })
    }

    @Test(
        "An admin's and a pipeline's script do what the page says, and the old release ends after a day",
        .enabled(if: Vectors.arePresent && FileManager.default.isExecutableFile(atPath: "/usr/bin/jq")))
    func page() async throws {
        let scripts = try blocks("sh")
        let policy = try #require(try blocks("toml").last)
        #expect(scripts.count == 2 && policy.contains("@team-a.web"))
        try await RunningServer.run { server in
            let folder = try TemporaryFolder()
            let firmware = try Vectors.bytes("vectors/launch/amdsev-suffix.bin")
            let old = Hex.encode(Simulated.measurement("old"))
            let files: [String: [UInt8]] = [
                "OVMF.fd": firmware, "vmlinuz": Array("kernel".utf8), "initrd.img": Array("initrd".utf8),
                "cmdline": Array("console=ttyS0 quiet".utf8), "team-a.web.toml": Array(policy.utf8),
                "first.toml": Array("kind = \"measurement\"\nvalues = [\"\(old)\"]\n".utf8),
            ]
            for (name, bytes) in files { try Data(bytes).write(to: folder.file(name)) }
            let key = try await run("openssl ecparam -name secp384r1 -genkey -noout -out release.pem", in: folder, [:])
            #expect(key.status == 0, "\(key.errors)")

            let admin = try await server.token(.admin)
            let first = try await run(scripts[0], in: folder, ["KBS_URL": server.base, "KBS_TOKEN": admin])
            #expect(first.status == 0, "\(first.output) \(first.errors)")
            let role = try #require(Authority(exactly: "registrar:team-a/"))
            let job = [
                "KBS_URL": server.base, "KBS_TOKEN": try await server.token(role), "SVN": "4",
                "JOB": "https://ci.example.org/4711",
            ]
            let second = try await run(scripts[1], in: folder, job)
            #expect(second.status == 0, "\(second.output) \(second.errors)")
            #expect(second.output.contains("https://ci.example.org/4711"))
            let block = try String(contentsOf: folder.file("id-block"), encoding: .utf8)
            #expect(block.contains("id-block=") && block.contains("id-auth="))

            let digest = try await run(
                "kbs measure snp --firmware OVMF.fd --kernel vmlinuz --initrd initrd.img --vcpus 4 --cpu EPYC-Milan "
                    + "--append \"$(cat cmdline)\" --json | jq -r '.[0].digest'", in: folder, [:]
            ).output.trimmingCharacters(in: .whitespacesAndNewlines)
            let measurement = try #require(Hex.decode(digest))
            let new = try server.components { $0.measurement = measurement }
            let earlier = try server.components("old")
            for guest in [new, earlier] { #expect(try await guest.get("team-a/disk/web").resource.count == 32) }
            let values = try await server.call("GET", "/api/v1/reference-values/team-a.web", token: admin)
            #expect(values.body.contains(digest) && values.body.contains(old))

            // What the role does not reach, typed by whoever has taken the pipeline over.
            for line in [
                "kbs reference set team-b.web first.toml", "kbs policy set --yes team-a.web team-a.web.toml",
                "kbs token list", "kbs resource generate team-b/disk/web", "kbs fleet", "kbs attempts",
            ] {
                #expect(try await run(line, in: folder, job).status == 4, "\(line)")
            }
        }
    }
}
