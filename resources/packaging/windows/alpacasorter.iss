; Inno Setup 6.3 or later: makes the installer from the built folder; tools/packaging/windows_installer.py runs it.
; It installs for the one user who runs it and never asks for an administrator.

#ifndef Version
  #error Run tools/packaging/windows_installer.py: it says the version and the folders.
#endif
#define Name "AlpacaSorter"
#define Program "AlpacaSorter.exe"

[Setup]
; This never changes: by it a later version finds the earlier one.
AppId={{6C1E6F0B-1B0E-4C55-9C0A-3C2B7B5B9D41}
AppName={#Name}
AppVersion={#Version}
AppVerName={#Name} {#Version}
AppPublisher=AlpacaSorter contributors
VersionInfoVersion={#Numbers}
; Relative names count from the root of the checkout, as this file lies three folders below it.
SourceDir=..\..\..
OutputDir={#Out}
OutputBaseFilename={#OutName}
SetupIconFile=resources\packaging\windows\alpacasorter.ico
PrivilegesRequired=lowest
DefaultDirName={autopf}\{#Name}
DisableProgramGroupPage=yes
DisableDirPage=auto
ArchitecturesAllowed=x64compatible
ArchitecturesInstallIn64BitMode=x64compatible
; Windows 10 1809, the oldest that Qt runs on.
MinVersion=10.0.17763
Compression=lzma2/normal
SolidCompression=yes
WizardStyle=modern
; A running program is asked to close, so that a sort in progress ends in good order.
CloseApplications=yes
RestartApplications=no
ChangesAssociations=yes
UninstallDisplayName={#Name}
UninstallDisplayIcon={app}\{#Program}

[Languages]
Name: "en"; MessagesFile: "compiler:Default.isl"

[Tasks]
Name: "openfolder"; Description: "Add “Open with {#Name}” to the menu of folders"; Flags: unchecked
Name: "desktopicon"; Description: "Put an icon on the desktop"; Flags: unchecked

[InstallDelete]
; What an earlier version brought and this one does not. Nothing of the user's lies there.
Type: filesandordirs; Name: "{app}\_internal"

[Files]
Source: "{#Source}\*"; DestDir: "{app}"; Flags: ignoreversion recursesubdirs createallsubdirs

[Icons]
Name: "{autoprograms}\{#Name}"; Filename: "{app}\{#Program}"
Name: "{autodesktop}\{#Name}"; Filename: "{app}\{#Program}"; Tasks: desktopicon

[Registry]
Root: HKCU; Subkey: "Software\Classes\Directory\shell\{#Name}"; ValueType: string; ValueData: "Open with {#Name}"; Flags: uninsdeletekey; Tasks: openfolder
Root: HKCU; Subkey: "Software\Classes\Directory\shell\{#Name}"; ValueType: string; ValueName: "Icon"; ValueData: """{app}\{#Program}"""; Tasks: openfolder
Root: HKCU; Subkey: "Software\Classes\Directory\shell\{#Name}\command"; ValueType: string; ValueData: """{app}\{#Program}"" ""%1"""; Tasks: openfolder
; Ticked for an earlier version and not any more.
Root: HKCU; Subkey: "Software\Classes\Directory\shell\{#Name}"; ValueType: none; Flags: deletekey; Tasks: not openfolder

[Run]
Filename: "{app}\{#Program}"; Description: "Open {#Name}"; Flags: nowait postinstall skipifsilent

; There is no [UninstallDelete]: corrections, models and settings stay for the next installation.
