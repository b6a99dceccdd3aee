; Inno Setup 6.3 or later: makes the installer from the built folder. Run by tools/packaging/installers.py.
; It installs for the current user only and never needs an administrator.

#ifndef Version
  #error Run python -m tools.packaging.installers windows, which sets the version and the folders.
#endif
#define Name "AlpacaSorter"
#define Program "AlpacaSorter.exe"

[Setup]
; Never change this: later versions use it to find earlier ones.
AppId={{6C1E6F0B-1B0E-4C55-9C0A-3C2B7B5B9D41}
AppName={#Name}
AppVersion={#Version}
AppVerName={#Name} {#Version}
AppPublisher=AlpacaSorter contributors
VersionInfoVersion={#Numbers}
; Relative paths start at the root of the checkout, three folders above this file.
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
; Windows 10 1809, the oldest version that Qt supports.
MinVersion=10.0.17763
Compression=lzma2/normal
SolidCompression=yes
WizardStyle=modern
; A running program is asked to close, so that a sort in progress can finish properly.
CloseApplications=yes
RestartApplications=no
ChangesAssociations=yes
UninstallDisplayName={#Name}
UninstallDisplayIcon={app}\{#Program}

[Languages]
Name: "en"; MessagesFile: "compiler:Default.isl"

[Tasks]
Name: "openfolder"; Description: "Add “Open with {#Name}” to the context menu of folders"; Flags: unchecked
Name: "desktopicon"; Description: "Create a desktop shortcut"; Flags: unchecked

[InstallDelete]
; Files from an earlier version that this one does not have. There are no user files here.
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
; Selected for an earlier version, but not for this one.
Root: HKCU; Subkey: "Software\Classes\Directory\shell\{#Name}"; ValueType: none; Flags: deletekey; Tasks: not openfolder

[Run]
Filename: "{app}\{#Program}"; Description: "Open {#Name}"; Flags: nowait postinstall skipifsilent

; There is no [UninstallDelete] section: corrections, models and settings are kept for the next installation.
