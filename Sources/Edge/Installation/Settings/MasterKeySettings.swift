import MasterKeys

/// Sources of the master keys.
extension SettingKey {
    static let masterKeys = [keysMaster, keysPrevious]

    package static let keysMaster = SettingKey(
        "keys.master", "The master key: file:, file:/path, env:NAME, credential:NAME or a PKCS #11 URI",
        default: "file:"
    ) { $1.masterKeys.master = try $0.masterKeySource($0.text) }

    package static let keysPrevious = SettingKey(
        "keys.previous", "Master keys that were active before, in the same forms, with commas between them"
    ) { value, settings in
        settings.masterKeys.previous = try value.list().map { try value.masterKeySource($0) }
    }
}

extension SettingValue {
    fileprivate func masterKeySource(_ text: String) throws -> MasterKeySource {
        do {
            return try MasterKeySource(text)
        } catch let error as MasterKeyError {
            // The text is not repeated: it may hold a PIN by mistake.
            throw InvalidSetting("\(name) cannot be used: \(error)")
        }
    }
}
