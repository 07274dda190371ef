import Files
import Foundation
import Glibc
import Testing

@Suite("Files")
struct FileTests {
    let scratch: Scratch

    init() throws { scratch = try Scratch() }

    private func failure(_ body: () throws -> Void) -> FileError? {
        do {
            try body()
            return nil
        } catch { return error as? FileError }
    }

    @Test("A file is read whole, and one that is longer than it may be is refused")
    func bounded() throws {
        let file = try scratch.write("a", String(repeating: "x", count: 100_000))
        #expect(try File.read(file, atMost: 100_000).count == 100_000)
        let error = failure { _ = try File.read(file, atMost: 99_999) }
        #expect(error?.code == EFBIG)
        #expect(error?.description == "\(file) cannot be read: it is larger than 99999 bytes")
        #expect(failure { _ = try File.read("/dev/zero", atMost: 1_000_000) }?.code == EFBIG)
        #expect(try File.read(scratch.write("empty", ""), atMost: 0) == [])
    }

    @Test("Text is UTF-8 or refused")
    func text() throws {
        #expect(try File.readText(scratch.write("a", "grün"), atMost: 100) == "grün")
        try Data([0x66, 0xFC]).write(to: URL(filePath: scratch("b")))
        #expect(failure { _ = try File.readText(scratch("b"), atMost: 100) }?.description.contains("UTF-8") == true)
    }

    @Test("What is missing is said, with the first folder that is missing too, or where a link leads")
    func missing() throws {
        let error = failure { _ = try File.read(scratch("none"), atMost: 1) }
        #expect(error?.isMissing == true)
        #expect(error?.description == "\(scratch("none")) cannot be read: it is not there")
        #expect(
            failure { _ = try File.read(scratch("a/b/c"), atMost: 1) }?.description
                == "\(scratch("a/b/c")) cannot be read: it is not there, and neither is the folder \(scratch("a"))")
        #expect(
            failure { try File.make(scratch("a/b")) }?.description
                == "\(scratch("a/b")) cannot be made: the folder \(scratch("a")) is not there")
        symlink("elsewhere", scratch("link"))
        #expect(
            failure { _ = try File.read(scratch("link"), atMost: 1) }?.description
                == "\(scratch("link")) cannot be read: it is a link to elsewhere, which is not there")
        symlink("circle", scratch("circle"))
        #expect(failure { _ = try File.read(scratch("circle"), atMost: 1) }?.code == ELOOP)
        #expect(failure { _ = try File.read("", atMost: 1) }?.description.contains("its name is empty") == true)
        #expect(failure { _ = try File.read("a\0b", atMost: 1) }?.description.contains("NUL") == true)
    }

    @Test("A folder is told from a file, wherever it stands in the path")
    func folders() throws {
        #expect(
            failure { _ = try File.read(scratch.path, atMost: 1) }?.description
                == "\(scratch.path) cannot be read: it is a folder")
        let file = try scratch.write("file", "")
        #expect(
            failure { _ = try File.read(file + "/below", atMost: 1) }?.description
                == "\(file)/below cannot be read: \(file) is not a folder")
        #expect(failure { try File.replace(scratch.path, with: []) }?.description.contains("it is a folder") == true)
        #expect(
            failure { _ = try Folder.names(in: file) }?.description == "\(file) cannot be listed: it is not a folder")
        #expect(failure { try Folder.make(file) }?.description == "\(file) cannot be made: it is not a folder")
    }

    @Test("A pipe holds up nobody who wants a regular file")
    func pipe() throws {
        mkfifo(scratch("pipe"), 0o600)
        #expect(failure { _ = try OpenFile(scratch("pipe"), .readRegular) }?.description.contains("regular") == true)
    }

    @Test(
        "A file that belongs to another user says whose it is, who asks, and what to run",
        .enabled(if: OtherUser.isPossible))
    func denied() async throws {
        chmod(scratch.path, 0o755)
        let file = try scratch.write("key", "x", mode: 0o600)
        let path = scratch.path
        let messages = await OtherUser.nobody.run {
            [
                { _ = try File.read(file, atMost: 9) }, { try File.make(path + "/new") },
                { try File.replace(file, with: []) },
                { try File.remove(file) }, { try Folder.make(path + "/folder") },
            ].map { (body: () throws -> Void) in
                do {
                    try body()
                    return ""
                } catch { return "\(error)" }
            }
        }
        #expect(
            messages[0]
                == "\(file) cannot be read: it belongs to root (mode 600), and nobody asks: run this as its owner "
                + "(sudo -u root …), or give it to nobody: chown nobody \(file)")
        for message in messages.dropFirst() {
            #expect(message.contains("the folder \(path) belongs to root (mode 755), and nobody asks"), "\(message)")
            #expect(
                !message.contains("chown") && message.hasSuffix("or name another folder"), "the system's stay root's")
        }
        chmod(path, 0o700)
        let closed = await OtherUser.nobody.run {
            do {
                _ = try File.read(file, atMost: 9)
                return ""
            } catch { return "\(error)" }
        }
        #expect(
            closed.hasPrefix("\(file) cannot be read: the folder \(path) belongs to root (mode 700), and nobody asks"))
    }

    @Test("A file that its own user closed says so", .enabled(if: OtherUser.isPossible))
    func ownMode() async throws {
        chmod(scratch.path, 0o755)
        let file = try scratch.write("key", "x", mode: 0)
        chown(file, 65_534, 65_534)
        let message = await OtherUser.nobody.run {
            do {
                _ = try File.read(file, atMost: 9)
                return ""
            } catch { return "\(error)" }
        }
        #expect(message == "\(file) cannot be read: it is nobody's own, but has mode 0: chmod u+rw \(file)")
    }

    @Test(
        "A replaced file is whole, has the mode that was asked for or its own closed one, and leaves nothing beside it")
    func replace() throws {
        let file = try scratch.write("a", "old", mode: 0o644)
        // What a process leaves that is killed while it writes.
        _ = try scratch.write("a.draft", "half")
        try File.replace(file, with: Array("new".utf8))
        #expect(scratch.text("a") == "new" && scratch.names == ["a"])
        #expect(FileStatus.of(file)?.permissions == 0o600)
        for mode: UInt32 in [0o600, 0o640] {
            chmod(file, mode)
            try File.replace(file, with: [], mode: 0o666, owner: .folders)
            #expect(FileStatus.of(file)?.permissions == mode && scratch.text("a") == "")
        }
        // Whatever the umask.
        try File.replace(scratch("b"), with: [], mode: 0o666)
        #expect(FileStatus.of(scratch("b"))?.permissions == 0o666)
    }

    @Test(
        "A replaced file stays its owner's and its group's, and is not replaced by whoever cannot keep it so",
        .enabled(if: OtherUser.isPossible))
    func replacedOwner() async throws {
        let file = try scratch.write("a", "old", mode: 0o640)
        chown(file, 65_534, 65_533)
        try File.replace(file, with: Array("new".utf8), owner: .folders)
        let status = try #require(FileStatus.of(file))
        #expect((status.owner.id, status.group.id, status.permissions) == (65_534, 65_533, 0o640))
        #expect(scratch.text("a") == "new")

        // Unless asked for, whoever made the old file has no part in the new one.
        try File.replace(file, with: Array("root's".utf8))
        let own = try #require(FileStatus.of(file))
        #expect((own.owner.id, own.group.id, own.permissions) == (0, 0, 0o600))
        try File.replace(file, with: Array("new".utf8))

        chmod(scratch.path, 0o777)
        chown(file, 0, 0)
        let message = await OtherUser.nobody.run {
            do {
                try File.replace(file, with: Array("nobody's".utf8), owner: .folders)
                return ""
            } catch { return "\(error)" }
        }
        #expect(message.contains("belongs to root") && message.contains("sudo -u root"), "\(message)")
        #expect(scratch.text("a") == "new" && scratch.names == ["a"])
    }

    @Test(
        "Root makes a file for its folder's owner only if asked, and gives no older file away",
        .enabled(if: OtherUser.isPossible))
    func foldersOwner() throws {
        let older = try scratch.write("older", "")
        chown(scratch.path, 65_534, 65_533)
        symlink(older, scratch("link"))
        try File.make(scratch("own"))
        try File.make(scratch("made"), owner: .folders)
        try File.replace(scratch("replaced"), with: [], owner: .folders)
        for name in ["updated", "older", "link"] { _ = try OpenFile(scratch(name), .updateOrMake(mode: 0o600)) }
        func owner(_ name: String) -> [UInt32] {
            FileStatus.of(scratch(name)).map { [$0.owner.id, $0.group.id] } ?? []
        }
        for name in ["own", "older", "link"] { #expect(owner(name) == [0, 0], "\(name)") }
        for name in ["made", "replaced", "updated"] { #expect(owner(name) == [65_534, 65_533], "\(name)") }
    }

    @Test("A replacement that fails leaves the old file and nothing beside it")
    func failedReplacement() throws {
        let file = try scratch.write("a", "old")
        let error = failure {
            try File.replace(file) { draft throws(FileError) in
                try draft.write(Array("half".utf8))
                throw FileError(path: "x", code: ENOSPC, description: "full")
            }
        }
        #expect(error?.code == ENOSPC && scratch.text("a") == "old" && scratch.names == ["a"])
    }

    @Test("Of two that replace a file at the same time the second is told")
    func busy() throws {
        let file = try scratch.write("a", "old")
        var second: FileError?
        try File.replace(file) { draft throws(FileError) in
            try draft.write(Array("first".utf8))
            second = failure { try File.replace(file, with: Array("second".utf8)) }
        }
        #expect(second?.description == "\(file) cannot be written: another process is writing it")
        #expect(scratch.text("a") == "first" && scratch.names == ["a"])
    }

    @Test("A link in the place of a draft is not written through")
    func draftLink() throws {
        let target = try scratch.write("target", "untouched")
        symlink(target, scratch("a.draft"))
        try File.replace(scratch("a"), with: Array("new".utf8))
        #expect(scratch.text("target") == "untouched" && scratch.text("a") == "new")
    }

    @Test("Making a file does not touch what is there, not even a link to nowhere")
    func make() throws {
        try File.make(scratch("a"), Array("one".utf8))
        #expect(failure { try File.make(scratch("a"), Array("two".utf8)) }?.code == EEXIST)
        #expect(scratch.text("a") == "one" && FileStatus.of(scratch("a"))?.permissions == 0o600)
        symlink(scratch("nowhere"), scratch("link"))
        #expect(failure { try File.make(scratch("link")) }?.description.contains("it is there already") == true)
        #expect(!File.exists(scratch("nowhere")) && File.exists(scratch("link")))
    }

    @Test("Files get another name, a second one, and go")
    func names() throws {
        let file = try scratch.write("a", "one")
        try File.link(file, as: scratch("b"))
        #expect(failure { try File.link(file, as: scratch("b")) }?.code == EEXIST)
        try File.move(file, to: scratch("c"))
        #expect(scratch.names == ["b", "c"])
        #expect(failure { try File.move(file, to: scratch("d")) }?.isMissing == true)
        #expect(try File.remove(scratch("b")))
        #expect(try !File.remove(scratch("b")))
        #expect(scratch.names == ["c"])
    }

    @Test("A full disk is said")
    func full() throws {
        let error = failure { try OpenFile("/dev/full", .write).write([1]) }
        #expect(error?.description == "/dev/full cannot be written: no room is left on its disk")
    }

    @Test("A lock keeps others out until it is let go, shared ones go together")
    func locks() throws {
        let path = scratch("lock")
        do {
            let first = try OpenFile(path, .updateOrMake(mode: 0o600))
            #expect(try first.lock(.shared, waiting: false))
            let second = try OpenFile(path, .updateOrMake(mode: 0o600))
            #expect(try second.lock(.shared, waiting: false))
            #expect(try !second.lock(.exclusive, waiting: false))
            _ = consume first
        }
        let third = try OpenFile(path, .update)
        #expect(try third.lock(.exclusive, waiting: true))
    }

    @Test("A file is cut and written on from there")
    func truncate() throws {
        let file = try OpenFile(scratch.write("a", "one\ntw"), .update)
        #expect(try file.read(atMost: 100).count == 6)
        try file.truncate(to: 4)
        try file.write(Array("two\n".utf8))
        try file.synchronize()
        try file.close()
        #expect(scratch.text("a") == "one\ntwo\n")
    }

    @Test("Folders are made with those above them, and files below them are found, links to folders left alone")
    func tree() throws {
        #expect(try Folder.make(scratch("a/b/c")))
        #expect(try !Folder.make(scratch("a/b/c/")))
        #expect(FileStatus.of(scratch("a"))?.permissions == 0o700)
        for name in ["z", "a/y", "a/b/x", "a/b/c/w"] { _ = try scratch.write(name, "") }
        symlink(scratch.path, scratch("a/again"))
        symlink(scratch("z"), scratch("a/link"))
        #expect(Folder.files(below: scratch.path) == ["a/b/c/w", "a/b/x", "a/link", "a/y", "z"])
        #expect(Folder.files(below: scratch.path, skipping: ["a"]) == ["z"])
        #expect(try Folder.names(in: scratch("a")) == ["again", "b", "link", "y"])
        let space = try #require(Folder.space(at: scratch.path))
        #expect(space.free > 0 && space.free <= space.total && Folder.space(at: scratch("q")) == nil)
    }

    @Test("The folder of a path", arguments: [("/a/b", "/a"), ("/a", "/"), ("/", nil), ("a", "."), ("a/b/", "a")])
    func parents(_ path: String, _ parent: String?) { #expect(Folder.parent(of: path) == parent) }

    @Test("A URL's path has no slash at its end", arguments: [("/a/b/", "/a/b"), ("/", "/"), ("/a b", "/a b")])
    func urls(_ path: String, _ expected: String) { #expect(URL(filePath: path).filePath == expected) }

    @Test("Descriptors do not leak and are not inherited")
    func descriptors() throws {
        try File.replace(scratch("file"), with: [1, 2], mode: 0o600)
        for _ in 0..<100 {
            _ = try? File.read(scratch.path, atMost: 1)
            _ = try? File.read(scratch("file"), atMost: 1)
            _ = try? File.read(scratch("file"), atMost: 2)
        }
        // Other suites open files of their own at the same time.
        let open = try Folder.names(in: "/proc/self/fd").compactMap {
            try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)")
        }
        #expect(!open.contains { $0.hasPrefix(scratch.path) })
        let file = try OpenFile("/dev/null")
        #expect(fcntl(file.descriptor, F_GETFD) & FD_CLOEXEC != 0)
    }
}
