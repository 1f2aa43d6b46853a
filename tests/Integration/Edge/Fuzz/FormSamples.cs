using System.Text;

namespace OrleansGateway.Tests.Integration.Edge.Fuzz;

/// <summary>Valid forms to begin with, and changes of them.</summary>
internal static class FormSamples
{
    private const string Boundary = "a-boundary";

    private static readonly byte[] Picture = Convert.FromBase64String("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==");

    /// <summary>Half a second of silence: 16,000 samples a second.</summary>
    private static readonly byte[] Wave =
    [
        .. "RIFF"u8, .. BitConverter.GetBytes(36 + 16_000), .. "WAVEfmt "u8, .. BitConverter.GetBytes(16), 1, 0, 1, 0, .. BitConverter.GetBytes(16_000),
        .. BitConverter.GetBytes(32_000), 2, 0, 16, 0, .. "data"u8, .. BitConverter.GetBytes(16_000), .. new byte[16_000],
    ];

    /// <summary>What heads a part, and its content.</summary>
    public static IReadOnlyList<(string Path, (string Head, byte[] Content)[] Parts)> Forms { get; } =
    [
        ("/v1/audio/transcriptions", [File("file", "a.wav", "audio/wav", Wave), Field("model", "test-model"), Field("response_format", "json"), Field("language", "de"), Field("timestamp_granularities[]", "word"), Field("temperature", "0.5")]),
        ("/v1/audio/transcriptions", [Field("model", "test-model"), File("file", "a.wav", "audio/wav", Wave), Field("response_format", "text"), Field("prompt", "grüß")]),
        ("/v1/audio/translations", [Field("model", "test-model"), File("file", "a.wav", "audio/wav", Wave), Field("response_format", "verbose_json")]),
        ("/v1/images/edits", [Field("model", "test-model"), Field("prompt", "x"), File("image[]", "a.png", "image/png", Picture), File("image[]", "b.png", "image/png", Picture), File("mask", "m.png", "image/png", Picture), Field("n", "2"), Field("size", "1024x1024"), Field("quality", "low")]),
    ];

    /// <summary>A form as it is sent, perhaps changed: in its parts, its frame or its bytes.</summary>
    public static (string Type, byte[] Body) Changed((string Head, byte[] Content)[] form, Random random)
    {
        var parts = form.ToList();
        for (var changes = random.Next(3); changes > 0 && parts.Count > 0; changes--)
        {
            var at = random.Next(parts.Count);
            var (head, content) = parts[at];
            switch (random.Next(9))
            {
                case 0: parts.RemoveAt(at); break;
                case 1: parts.Insert(random.Next(parts.Count), parts[at]); break;
                case 2: parts[at] = (head, []); break;
                case 3: parts[at] = (head, [0xC3, 0x28, 0, 0xFF]); break;
                case 4: parts[at] = (head, [.. content[..(content.Length / 2)], .. Encoding.ASCII.GetBytes($"\r\n--{Boundary}\r\n"), .. content[(content.Length / 2)..]]); break;
                case 5: parts[at] = (head.Replace("\"", "", StringComparison.Ordinal), content); break;
                case 6: parts[at] = (head.Replace("name=", "names=", StringComparison.Ordinal), content); break;
                case 7: parts[at] = (random.Next(2) == 0 ? "" : new string('x', 9000), content); break;
                default: parts.AddRange(Enumerable.Repeat(parts[at], parts[at].Content.Length < 100 ? 300 : 1)); break;
            }
        }

        var body = new MemoryStream();
        foreach (var (head, content) in parts)
        {
            body.Write(Encoding.UTF8.GetBytes($"--{Boundary}\r\n{head}\r\n\r\n"));
            body.Write(content);
            body.Write("\r\n"u8);
        }

        body.Write(Encoding.ASCII.GetBytes($"--{Boundary}--\r\n"));
        var bytes = body.ToArray();
        for (var changes = random.Next(4) == 0 ? random.Next(1, 6) : 0; changes > 0; changes--)
        {
            // Most of a form is its files: what frames them is changed as often.
            bytes[random.Next(2) == 0 ? random.Next(bytes.Length) : random.Next(Math.Min(300, bytes.Length))] = (byte)random.Next(256);
        }

        return (random.Next(12) switch
        {
            0 => "multipart/form-data",
            1 => "multipart/form-data; boundary=\"another\"",
            2 => "application/json",
            3 => $"Multipart/Form-Data; Boundary=\"{Boundary}\"; charset=utf-8",
            4 => $"multipart/form-data; boundary={new string('b', 300)}",
            _ => $"multipart/form-data; boundary={Boundary}",
        }, random.Next(8) == 0 ? bytes[..random.Next(bytes.Length)] : bytes);
    }

    private static (string Head, byte[] Content) Field(string name, string value) => ($"Content-Disposition: form-data; name=\"{name}\"", Encoding.UTF8.GetBytes(value));

    private static (string Head, byte[] Content) File(string name, string fileName, string type, byte[] content) =>
        ($"Content-Disposition: form-data; name=\"{name}\"; filename=\"{fileName}\"\r\nContent-Type: {type}", content);
}
