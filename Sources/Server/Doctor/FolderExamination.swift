import Foundation

/// The data folder: there, private, writable, with room.
struct FolderExamination: Examination {
    let folder: URL

    private var path: String { folder.path(percentEncoded: false) }

    func findings() -> [Finding] {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else { return missing() }
        guard isFolder.boolValue else {
            return [.problem("data.folder", "\(path) is no folder", do: "name another with data, or move it away")]
        }
        return [entrance, privacy, owner].compactMap(\.self) + [space(path)]
    }

    private func missing() -> [Finding] {
        var parent = folder.absoluteURL.standardizedFileURL.deletingLastPathComponent()
        // `path` has no slash at its end, with which a file would not be seen.
        while !FileManager.default.fileExists(atPath: parent.path), parent.path != "/" {
            parent.deleteLastPathComponent()
        }
        let parentPath = parent.path
        var isFolder: ObjCBool = false
        _ = FileManager.default.fileExists(atPath: parentPath, isDirectory: &isFolder)
        guard isFolder.boolValue, access(parentPath, W_OK) == 0 else {
            return [
                .problem(
                    "data.folder", "\(path) is not there or not to be seen, and \(parentPath) may not be written to",
                    do: "run kbs doctor as the server's user, or make the folder: install -d -m 700 -o USER \(path)")
            ]
        }
        return [.ok("data.folder", "\(path) is not there: the first start makes it"), space(parentPath)]
    }

    private var entrance: Finding {
        guard access(path, R_OK | W_OK | X_OK) == 0 else {
            return .problem(
                "data.folder", "\(path) may not be written to by this user",
                do: "run kbs doctor as the server's user; if this is that user, chown -R the folder to it")
        }
        return .ok("data.folder", "\(path) can be read and written")
    }

    private var privacy: Finding? {
        guard let mode = Self.number(.posixPermissions, of: path), mode & 0o077 != 0 else { return nil }
        return .warning(
            "data.mode", "\(path) has mode \(String(mode & 0o777, radix: 8)): others can see into it",
            do: "chmod 700 \(path)")
    }

    /// Files of another user are what a command leaves behind that was run as root.
    private var owner: Finding? {
        guard let user = Self.number(.ownerAccountID, of: path) else { return nil }
        for name in ["kbs.sqlite", "kbs.sqlite-wal", "kbs.sqlite-shm", "kbs.lock", "master.key", "checkpoints"] {
            let file = folder.appending(path: name).path(percentEncoded: false)
            guard let other = Self.number(.ownerAccountID, of: file), other != user else { continue }
            return .problem(
                "data.owner", "\(file) is user \(other)'s and the folder is user \(user)'s",
                do: "chown \(user) what is in it while the server is stopped, and run kbs as that user")
        }
        guard user != Int(geteuid()) else { return nil }
        return .warning(
            "data.owner", "the folder is user \(user)'s, and this is user \(geteuid())",
            do: "run kbs as the server's user, or what it makes will not be that user's")
    }

    private func space(_ path: String) -> Finding {
        guard let volume = try? FileManager.default.attributesOfFileSystem(forPath: path),
            let bytes = volume[.systemFreeSize] as? NSNumber
        else { return .problem("data.space", "the room on \(path)'s disk is not known", do: "look at the disk") }
        return Self.judge(megabytes: bytes.uint64Value / 1_048_576)
    }

    static func judge(megabytes: UInt64) -> Finding {
        let found = "\(megabytes) MiB are free"
        switch megabytes {
        case ..<100:
            return .problem(
                "data.space", found, do: "make room: on a full disk no secret is released, for none can be recorded")
        case ..<1_024: return .warning("data.space", found, do: "make room: the audit trail grows (docs/audit.md)")
        default: return .ok("data.space", found)
        }
    }

    private static func number(_ key: FileAttributeKey, of path: String) -> Int? {
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        return (attributes?[key] as? NSNumber)?.intValue
    }
}
