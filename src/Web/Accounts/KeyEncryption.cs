using System.Text;
using System.Xml.Linq;
using Microsoft.AspNetCore.DataProtection.XmlEncryption;
using Microsoft.Extensions.DependencyInjection;
using OrleansGateway.Hosting;

namespace OrleansGateway.Web.Accounts;

/// <summary>Keeps the keys of data protection in the database encrypted: a copy of it opens no session.</summary>
internal sealed class KeyEncryptor(EncryptionSecrets secrets) : IXmlEncryptor
{
    public const string Purpose = "people.data_protection_key";

    public EncryptedXmlInfo Encrypt(XElement plaintextElement) => new(
        new XElement("encrypted", Convert.ToBase64String(
            secrets.Encrypt(Purpose, Encoding.UTF8.GetBytes(plaintextElement.ToString(SaveOptions.DisableFormatting))))),
        typeof(KeyDecryptor));
}

/// <summary>Reads what <see cref="KeyEncryptor"/> wrote; made by data protection itself, by name.</summary>
internal sealed class KeyDecryptor(IServiceProvider services) : IXmlDecryptor
{
    public XElement Decrypt(XElement encryptedElement) =>
        services.GetRequiredService<EncryptionSecrets>().TryDecrypt(KeyEncryptor.Purpose, Convert.FromBase64String(encryptedElement.Value), out var plain)
            ? XElement.Parse(Encoding.UTF8.GetString(plain))
            : throw new InvalidOperationException("A key of data protection was encrypted under another secret than Gateway:EncryptionSecrets has.");
}
