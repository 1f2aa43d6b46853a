using System.Buffers;
using System.Globalization;
using System.Text;

namespace OrleansGateway.Protocols.OpenAI;

public sealed partial class ChatRequest
{
    /// <summary>
    /// The part of the scan that refuses names which only fold to a known one. Go's decoder, behind many providers, matches names by Unicode
    /// case folding: it would read such a member as the known one and bill what was never bounded here.
    /// </summary>
    private ref partial struct Scanner
    {
        /// <summary>A name of these bytes alone folds to nothing but itself.</summary>
        private static readonly SearchValues<byte> Unfolded = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789_"u8);

        private static readonly Level InStreamOptions = new("stream_options.", "include_usage");
        private static readonly Level InMessage = new("messages[{0}].", "role", "content", "audio");
        private static readonly Level InPart = new("messages[{0}].content[{1}].", "type", "image_url", "input_audio", "file");
        private static readonly Level InImage = new("messages[{0}].content[{1}].image_url.", "url", "detail", "file_id");
        private static readonly Level InAudio = new("messages[{0}].content[{1}].input_audio.", "data", "file_id");
        private static readonly Level InFile = new("messages[{0}].content[{1}].file.", "file_data", "file_id");
        private static readonly Level InTool = new("tools[{2}].", "type");

        /// <summary>Refuses the name that is being read if it only folds to one that is known where it stands.</summary>
        private void CheckName(Level level)
        {
            if ((_reader.ValueIsEscaped || _reader.ValueSpan.ContainsAnyExcept(Unfolded)) && _reader.ValueSpan.Length <= MaxNameBytes)
            {
                Span<byte> name = stackalloc byte[MaxNameBytes];
                IsFolded(name[.._reader.CopyString(name)], level.Names, level.Path);
            }
        }

        /// <param name="path">What the name stands in.</param>
        private bool IsFolded(scoped ReadOnlySpan<byte> name, byte[][] names, string path)
        {
            foreach (var known in names)
            {
                if (FoldsTo(name, known) && !name.SequenceEqual(known))
                {
                    var place = string.Format(CultureInfo.InvariantCulture, path, _request.MessageCount, _part, _request.ToolCount - 1);
                    var (given, meant) = (place + Encoding.UTF8.GetString(name), place + Encoding.ASCII.GetString(known));
                    Fail($"Unknown parameter: '{given}'. Did you mean '{meant}'?", given, "unknown_parameter");
                    return true;
                }
            }

            return false;
        }

        /// <summary>Beside capitals, two letters beyond ASCII fold into it: the long s and Kelvin's sign.</summary>
        private static bool FoldsTo(ReadOnlySpan<byte> name, ReadOnlySpan<byte> known)
        {
            foreach (var letter in known)
            {
                var length = letter == 's' && name.StartsWith("\u017F"u8) ? 2
                    : letter == 'k' && name.StartsWith("\u212A"u8) ? 3
                    : !name.IsEmpty && Ascii.EqualsIgnoreCase(name[..1], [letter]) ? 1
                    : 0;
                if (length == 0)
                {
                    return false;
                }

                name = name[length..];
            }

            return name.IsEmpty;
        }

        /// <summary>The names that are known in one place of a request.</summary>
        /// <param name="Path">Where: by message, part of its content, and tool.</param>
        private sealed record Level(string Path, byte[][] Names)
        {
            public Level(string path, params string[] names)
                : this(path, [.. names.Select(Encoding.ASCII.GetBytes)])
            {
            }
        }
    }
}
