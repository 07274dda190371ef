import Foundation
import TestSupport
import Testing

/// The scripts for an initramfs, with the system's own shells and tools.
@Suite("The initramfs scripts")
struct PackagingTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../../packaging/initramfs").standardized

    private static func installed(_ program: String) -> Bool {
        ["/usr/sbin", "/usr/bin", "/sbin", "/bin"].contains { access("\($0)/\(program)", X_OK) == 0 }
    }

    static let hasShellcheck = installed("shellcheck")
    static let hasHookFunctions =
        access("/usr/share/initramfs-tools/hook-functions", R_OK) == 0 && installed("cryptsetup")

    private static var scripts: [String] {
        [
            "lib/kbs-guest-unlock", "initramfs-tools/hooks/kbs-guest", "initramfs-tools/scripts/local-top/kbs-guest",
            "dracut/95kbs-guest/module-setup.sh", "dracut/95kbs-guest/kbs-guest.sh",
        ].map { folder.appending(path: $0).path }
    }

    private func shell(_ arguments: [String], _ environment: [String: String] = [:]) async throws -> ProgramResult {
        try await ProgramResult.of(arguments[0], Array(arguments.dropFirst()), environment: environment)
    }

    /// A folder with a program that writes its arguments down.
    private func recorder(_ name: String) async throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        _ = try await folder.script(name, "printf '%s\\n' \"$@\"")
        return folder
    }

    private func unlock(_ commandLine: String) async throws -> ProgramResult {
        let bin = try await recorder("kbs-guest")
        let file = bin.file("cmdline")
        try Data(commandLine.utf8).write(to: file)
        return try await shell(
            ["sh", Self.scripts[0]], ["KBS_CMDLINE": file.path, "PATH": "\(bin.url.path):/usr/bin:/bin"])
    }

    @Test("They are clean for shellcheck", .enabled(if: hasShellcheck))
    func shellcheck() async throws {
        let found = try await shell(["shellcheck"] + Self.scripts)
        #expect(found.status == 0, "\(found.output)")
    }

    @Test("They may be executed")
    func executable() {
        for script in Self.scripts { #expect(access(script, X_OK) == 0, "\(script)") }
    }

    @Test("The kernel's command line becomes kbs-guest's")
    func commandLine() async throws {
        let got = try await unlock(
            "ro kbs.url=https://b:1 kbs.workload=web kbs.pin=sha256:aa kbs.pin=sha256:bb kbs.device=/dev/vda2 kbs.name=root quiet\n"
        )
        #expect(got.status == 0, "\(got.errors)")
        #expect(
            got.output.split(separator: "\n") == [
                "unlock", "--url", "https://b:1", "--workload", "web", "--timeout", "60s", "--pin",
                "sha256:aa",
                "--pin", "sha256:bb", "--cryptsetup", "/dev/vda2", "root",
            ])
    }

    @Test("Nothing configured is nothing done, and half a configuration is told")
    func incomplete() async throws {
        let nothing = try await unlock("ro quiet\n")
        #expect(nothing.status == 0 && nothing.output.isEmpty)
        let half = try await unlock("kbs.url=https://b:1 kbs.workload=web kbs.name=root\n")
        #expect(half.status == 2 && half.errors.contains("kbs.device is missing") && half.output.isEmpty)
    }

    @Test("Debian's initramfs-tools takes the hook, and the image has what it needs", .enabled(if: hasHookFunctions))
    func hook() async throws {
        let bin = try await recorder("kbs-guest")
        let image = try TemporaryFolder()
        let library = Self.folder.appending(path: "lib").path
        let got = try await shell(
            ["sh", Self.scripts[1]],
            [
                "DESTDIR": image.url.path, "KBS_LIB": library, "verbose": "n", "MODULESDIR": "/nonexistent",
                "__MODULES_TO_ADD": image.file("modules").path, "PATH": "\(bin.url.path):/usr/sbin:/usr/bin:/sbin:/bin",
            ])
        #expect(got.status == 0, "\(got.errors)")
        for path in ["usr/bin/kbs-guest", "usr/lib/kbs/kbs-guest-unlock"] {
            #expect(access(image.file(path).path, X_OK) == 0, "\(path)")
        }
        let cryptsetup = ["sbin/cryptsetup", "usr/sbin/cryptsetup"].contains { access(image.file($0).path, X_OK) == 0 }
        #expect(cryptsetup)
        let prerequisites = try await shell(["sh", Self.scripts[2], "prereqs"])
        #expect(prerequisites.status == 0 && prerequisites.output == "\n")
    }
}
