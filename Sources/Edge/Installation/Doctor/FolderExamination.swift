import Files
import FoundationEssentials
import Glibc

/// The data folder: its existence, permissions, owner and free space.
struct FolderExamination: Examination {
    let folder: URL

    private var path: String { folder.filePath }

    func findings() -> [Finding] {
        guard let status = FileStatus.of(path) else { return missing() }
        guard status.kind == .folder else {
            return [.problem("data.folder", "\(path) is not a folder", do: "name another with data, or move it away")]
        }
        return [entrance, privacy, owner].compactMap(\.self) + [space(path)]
    }

    private func missing() -> [Finding] {
        var parentPath = Folder.parent(of: folder.absoluteURL.standardizedFileURL.filePath) ?? "/"
        while FileStatus.of(parentPath) == nil, let next = Folder.parent(of: parentPath) { parentPath = next }
        guard Folder.exists(parentPath), access(parentPath, W_OK) == 0 else {
            return [
                .problem(
                    "data.folder",
                    "\(path) does not exist or is not visible to this user, and \(parentPath) is not writable",
                    do: "run kbs doctor as the server's user, or make the folder: install -d -m 700 -o USER \(path)")
            ]
        }
        return [.ok("data.folder", "\(path) is not there: the first start makes it"), space(parentPath)]
    }

    private var entrance: Finding {
        guard access(path, R_OK | W_OK | X_OK) == 0 else {
            if errno == EROFS {
                return .problem(
                    "data.folder", "\(path) is on a disk that is mounted read-only",
                    do: "mount it writable; copy a snapshot, and name the copy")
            }
            return .problem(
                "data.folder", "\(path) may not be written to by this user",
                do: "run kbs doctor as the server's user; if this is that user, chown -R the folder to it")
        }
        return .ok("data.folder", "\(path) can be read and written")
    }

    private var privacy: Finding? {
        guard let status = FileStatus.of(path) else { return nil }
        switch status.privacy(in: Folder.parent(of: path).flatMap { FileStatus.of($0) }) {
        case .ownerOnly, .trustedGroup: return nil
        case .otherGroup, .everyone: break
        }
        return .warning(
            "data.mode", "\(path) has mode \(String(status.permissions & 0o777, radix: 8)): others can see into it",
            do: "chmod 700 \(path)")
    }

    /// A command that was run as root leaves files of another user.
    private var owner: Finding? {
        guard let user = FileStatus.of(path)?.owner.id else { return nil }
        for name in DataFolder.fileNames {
            let file = folder.appending(path: name).filePath
            guard let other = FileStatus.of(file)?.owner.id, other != user else { continue }
            return .problem(
                "data.owner", "\(file) is user \(other)'s and the folder is user \(user)'s",
                do: "stop the server, chown the folder's files to \(user), and run kbs as that user")
        }
        guard user != geteuid() else { return nil }
        return .warning(
            "data.owner", "the folder is user \(user)'s, and this is user \(geteuid())",
            do: "run kbs as the server's user: new files would belong to this one")
    }

    private func space(_ path: String) -> Finding {
        guard let space = Folder.space(at: path) else {
            return .problem("data.space", "the free space on \(path)'s disk is not known", do: "check the disk")
        }
        return Self.judge(space)
    }

    static func judge(_ space: (free: UInt64, total: UInt64)) -> Finding {
        let megabytes = space.free / 1_048_576
        let found = "\(megabytes) MiB are free"
        switch megabytes {
        case _ where space.free < DiskRoom.least(of: space.total):
            return .problem(
                "data.space", found,
                do:
                    "free some space: guests open no sessions now, and a full disk stops releases: they need records"
            )
        case ..<1_024:
            return .warning("data.space", found, do: "free some space: the audit trail grows (docs/audit.md)")
        default: return .ok("data.space", found)
        }
    }
}
