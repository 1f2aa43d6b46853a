using System.Text;

namespace OrleansGateway.Protocols.OpenAI.Endpoints;

/// <summary>A part of a form, by its places in the body.</summary>
/// <param name="Field">Its field, without the brackets of one that may come several times.</param>
/// <param name="FileName">The file's name; null when it is none.</param>
/// <param name="MediaType">What it says to be, in lower case; empty when it says nothing.</param>
/// <param name="Start">Where its boundary begins, the line break before it included.</param>
/// <param name="ContentStart">Where its content begins.</param>
/// <param name="End">Where its content ends, and the next boundary begins.</param>
public readonly record struct FormPart(string Field, string? FileName, string MediaType, int Start, int ContentStart, int End)
{
    /// <summary>Whether it is a file.</summary>
    public bool IsFile => FileName is not null;
}

/// <summary>Reads <c>multipart/form-data</c> (RFC 7578).</summary>
public static class MultipartForm
{
    private const string FormType = "multipart/form-data";
    private const int MaxParts = 256;
    private const int MaxHeadBytes = 8 * 1024;
    private const int MaxBoundaryLength = 70;

    /// <summary>Whether a body of this type is a form.</summary>
    public static bool IsForm(string? contentType) => contentType?.TrimStart().StartsWith(FormType, StringComparison.OrdinalIgnoreCase) == true;

    /// <summary>Reads a form.</summary>
    /// <param name="why">What is wrong with it, when false is returned.</param>
    public static bool TryRead(ReadOnlySpan<byte> body, string? contentType, out IReadOnlyList<FormPart> parts, out string why)
    {
        var read = new List<FormPart>();
        (parts, why) = (read, "");
        if (!IsForm(contentType) || contentType.AsSpan().ContainsAnyExceptInRange(' ', '~'))
        {
            why = $"expected Content-Type {FormType}.";
            return false;
        }

        var boundary = Parameter(contentType!, "boundary");
        if (boundary is not { Length: > 0 and <= MaxBoundaryLength } || !Ascii.IsValid(boundary))
        {
            why = "its Content-Type names no boundary.";
            return false;
        }

        ReadOnlySpan<byte> delimiter = [.. "\r\n--"u8, .. Encoding.ASCII.GetBytes(boundary)];
        var at = body.StartsWith(delimiter[2..]) ? 0 : body.IndexOf(delimiter);
        if (at < 0)
        {
            why = "its boundary does not come in it.";
            return false;
        }

        var next = at + delimiter.Length - (body.StartsWith(delimiter[2..]) ? 2 : 0);
        while (true)
        {
            if (body[next..].StartsWith("--"u8))
            {
                return true;
            }

            // Blanks may follow a boundary.
            var line = body[next..].IndexOf("\r\n"u8);
            if (line < 0 || !body.Slice(next, line).Trim(" \t"u8).IsEmpty)
            {
                why = "it is cut off.";
                return false;
            }

            // A part may have no headers at all.
            var head = body[(next + line)..];
            var headEnd = head[..Math.Min(head.Length, MaxHeadBytes)].IndexOf("\r\n\r\n"u8);
            if (headEnd < 0)
            {
                why = "a part of it has no end of its headers.";
                return false;
            }

            var contentStart = next + line + headEnd + 4;
            var end = body[(contentStart - 2)..].IndexOf(delimiter);
            if (end < 0 || read.Count == MaxParts)
            {
                why = end < 0 ? "it is cut off." : $"it has more than {MaxParts} parts.";
                return false;
            }

            end = Math.Max(contentStart, contentStart - 2 + end);
            if (!TryReadHead(head[..headEnd], at, contentStart, end, out var part))
            {
                why = "a part of it has no name.";
                return false;
            }

            read.Add(part);
            at = end;
            next = end + delimiter.Length;
        }
    }

    private static bool TryReadHead(ReadOnlySpan<byte> head, int start, int contentStart, int end, out FormPart part)
    {
        var (field, fileName, mediaType) = ((string?)null, (string?)null, "");
        foreach (var line in Encoding.UTF8.GetString(head).Split("\r\n"))
        {
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            var name = colon < 0 ? "" : line[..colon].Trim();
            var value = colon < 0 ? "" : line[(colon + 1)..].Trim();
            if (name.Equals("Content-Disposition", StringComparison.OrdinalIgnoreCase))
            {
                // Which of two names counts, servers do not agree on.
                if (field is not null || Parameter(value, "name*") is not null || IsRepeated(value, "name"))
                {
                    field = null;
                    break;
                }

                field = Parameter(value, "name");
                fileName = Parameter(value, "filename") ?? Parameter(value, "filename*");
            }
            else if (name.Equals("Content-Type", StringComparison.OrdinalIgnoreCase))
            {
                mediaType = value.Split(';')[0].Trim().ToLowerInvariant();
            }
        }

        var bracket = field?.IndexOf('[', StringComparison.Ordinal) ?? -1;
        part = new FormPart(bracket > 0 ? field![..bracket] : field ?? "", fileName, mediaType, start, contentStart, end);
        return field is { Length: > 0 and <= 256 };
    }

    private static bool IsRepeated(string value, string name)
    {
        var first = Parameter(value, name, out var end);
        return first is not null && Parameter(value[end..], name) is not null;
    }

    /// <summary>A parameter of a header's value; null when it has none of this name.</summary>
    private static string? Parameter(string value, string name) => Parameter(value, name, out _);

    /// <param name="valueEnd">Where it ends.</param>
    private static string? Parameter(string value, string name, out int valueEnd)
    {
        valueEnd = value.Length;
        var at = value.IndexOf(';', StringComparison.Ordinal);
        while (at >= 0)
        {
            at++;
            var equals = value.IndexOf('=', at);
            if (equals < 0)
            {
                return null;
            }

            var isIt = value.AsSpan(at, equals - at).Trim().Equals(name, StringComparison.OrdinalIgnoreCase);
            var (text, end) = ReadValue(value, equals + 1);
            if (isIt)
            {
                valueEnd = end;
                return text;
            }

            at = value.IndexOf(';', end);
        }

        return null;
    }

    private static (string Text, int End) ReadValue(string value, int at)
    {
        while (at < value.Length && value[at] == ' ')
        {
            at++;
        }

        if (at >= value.Length || value[at] != '"')
        {
            var end = value.IndexOf(';', at);
            end = end < 0 ? value.Length : end;
            return (value[at..end].Trim(), end);
        }

        var text = new StringBuilder();
        for (at++; at < value.Length && value[at] != '"'; at++)
        {
            at += value[at] == '\\' && at + 1 < value.Length ? 1 : 0;
            text.Append(value[at]);
        }

        return (text.ToString(), Math.Min(at + 1, value.Length));
    }
}
