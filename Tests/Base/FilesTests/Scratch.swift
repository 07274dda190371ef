import Foundation
import Glibc

/// A folder that goes away with the test.
final class Scratch: Sendable {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appending(path: "kbs-files-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    }

    deinit {
        chmod(path, 0o700)
        try? FileManager.default.removeItem(atPath: path)
    }

    func callAsFunction(_ name: String) -> String { "\(path)/\(name)" }

    func write(_ name: String, _ text: String, mode: mode_t = 0o600) throws -> String {
        try Data(text.utf8).write(to: URL(filePath: self(name)))
        chmod(self(name), mode)
        return self(name)
    }

    var names: [String] { (try? FileManager.default.contentsOfDirectory(atPath: path).sorted()) ?? [] }

    func text(_ name: String) -> String? { try? String(contentsOfFile: self(name), encoding: .utf8) }
}

/// Runs `body` with another user's rights, on a thread of its own: the C library would change them for all threads.
struct OtherUser {
    static let isPossible = geteuid() == 0
    let user: UInt32
    let group: UInt32
    var groups: [UInt32] = []

    static let nobody = OtherUser(user: 65_534, group: 65_534)

    // asm/unistd.h; the Glibc module does not have them.
    #if arch(x86_64)
        private static let (setgroups, setresgid, setresuid) = (116, 119, 117)
    #else
        private static let (setgroups, setresgid, setresuid) = (159, 149, 147)
    #endif

    private typealias Call = @convention(c) (Int, Int, Int, Int) -> Int
    private static let call: Call? = dlsym(nil, "syscall").map { unsafeBitCast($0, to: Call.self) }

    func run<R: Sendable>(_ body: @escaping @Sendable () -> R) async -> R {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                guard let call = Self.call else { preconditionFailure("no syscall") }
                groups.withUnsafeBytes { list in
                    _ = call(Self.setgroups, groups.count, Int(bitPattern: list.baseAddress), 0)
                }
                _ = call(Self.setresgid, -1, Int(group), -1)
                _ = call(Self.setresuid, -1, Int(user), 0)
                let result = body()
                _ = call(Self.setresuid, -1, 0, -1)
                continuation.resume(returning: result)
            }
        }
    }
}
