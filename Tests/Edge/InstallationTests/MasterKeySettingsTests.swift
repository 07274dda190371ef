import Foundation
import Installation
import MasterKeys
import Testing

@Suite("Settings of master keys")
struct MasterKeySettingsTests {
    @Test("The default is the data folder's file, and both settings are read")
    func values() throws {
        #expect(try Settings.resolve(flags: [:], environment: [:], file: nil).settings.masterKeys == MasterKeySources())
        let uri = "pkcs11:token=t;object=o?module-path=/x.so&pin-source=env:PIN"
        let settings = try Settings.resolve(
            flags: [.keysMaster: uri], environment: ["KBS_KEYS_PREVIOUS": "file:, env:OLD,credential:c"], file: nil
        ).settings
        #expect(try settings.masterKeys.master == .token(PKCS11URI(uri)))
        #expect(settings.masterKeys.previous == [.file(nil), .environment("OLD"), .credential("c")])
    }

    @Test(
        "A source that cannot be used is an error with the setting's name, which repeats no PIN",
        arguments: [
            "", "master.key", "env:", "credential:../x", "pkcs11:token=t;object=o?module-path=/x&pin-value=0815",
        ])
    func errors(text: String) {
        for key in [SettingKey.keysMaster, .keysPrevious] where !(key == .keysPrevious && text.isEmpty) {
            let error = #expect(throws: InvalidSetting.self) {
                try Settings.resolve(flags: [key: text], environment: [:], file: nil)
            }
            #expect(error?.description.contains(key.name) == true && error?.description.contains("0815") == false)
        }
    }
}
